"""The steps of `serve`: an address, a database, workers, and the word that they are ready."""
