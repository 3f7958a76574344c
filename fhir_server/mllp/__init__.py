"""The HL7 v2 door: framed messages in, acknowledgements out; what they say goes through `importers`."""
