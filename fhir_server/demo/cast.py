"""Who plays in the governed demo: everyone gets a token, and a sentence that says what it may see.

To add a role, add a row to `CAST`; what it needs the person to have chosen goes into `scenes.CHOICES`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from fhir_server.model.actor import Actor

PROFESSIONALS: Final = "https://rpps.esante.gouv.fr"
STRUCTURES: Final = "https://finess.esante.gouv.fr"
PERSONS: Final = "urn:example:persons"
HOSPITAL_ID: Final = f"{STRUCTURES}|999000018"
HOSPITAL_NAME: Final = "Hôpital d'Essai"
SERVICE: Final = "carnet-de-sante"


@dataclass(frozen=True, slots=True)
class Member:
    """One of the cast.  `variable` names its token where a shell reads it."""

    variable: str
    actor: Actor
    sees: str
    """One sentence."""
    purpose: str = "TREAT"

    def of(self, patient: str) -> Member:
        """Return the member with the record of the demo, which the token of its person is made for."""
        if self.actor.kind != "person":
            return self
        return replace(self, actor=replace(self.actor, identity=patient, record=patient))


def _professional(number: str, name: str, profession: str = "doctor") -> Actor:
    return Actor("professional", f"{PROFESSIONALS}|{number}", name=name, profession=profession)


_STRANGER: Final = _professional("99900000041", "Dr Jean Morel-Essai")

PERSON: Final = "PERSON"
OPERATOR: Final = "OPERATOR"
HOSPITAL: Final = "HOSPITAL"

CAST: Final = (
    Member(PERSON, Actor("person", "", name="Odile Valmont-Essai"),
           "Her whole record and every line of its journal; she alone chooses who else sees what."),
    Member(HOSPITAL, Actor("establishment", HOSPITAL_ID, name=HOSPITAL_NAME, structure=HOSPITAL_ID),
           "Deposits, and reads who she is; nothing of the record, not even what it deposited."),
    Member("DOCTOR", _professional("99900000074", "Dr Claire Simon-Essai"),
           "Of the care team: what the matrix opens to physicians, and nothing that she hid."),
    Member("TREATING_DOCTOR", _professional("99900000025", "Dr Amina Roux-Essai"),
           "Her treating doctor: everything, also what she hid."),
    Member("NURSE", replace(
        _professional("99900000033", "Inès Faure-Essai", "nurse"),
        structure=HOSPITAL_ID, structure_name=HOSPITAL_NAME,
    ),
           "Works for the hospital: what the matrix opens to nurses, and all that the hospital deposited."),
    Member("STRANGER", _STRANGER,
           "A physician without a relation to her: nothing; she is told of the attempt."),
    Member("EMERGENCY", replace(_STRANGER, reason="Found unconscious in the street."),
           "The same physician breaking the glass: what is not hidden; she and her treating doctor are told.",
           purpose="BTG"),
    Member("REGULATOR", replace(_professional("99900000058", "Dr Zoé Petit-Essai"), situation="regulation"),
           "Takes emergency calls: what is not hidden, while she leaves that switch on.", purpose="ETREAT"),
    Member("REPRESENTATIVE", Actor("representative", f"{PERSONS}|lise", name="Lise Valmont-Essai"),
           "Her daughter, who represents her for a year: all but what is withheld from representatives."),
    Member("CAREGIVER", Actor("caregiver", f"{PERSONS}|paul", name="Paul Valmont-Essai"),
           "Her son, who looks after her: allergies, problems and care plans, nothing else."),
    Member("APP", Actor("app", f"urn:example:clients|{SERVICE}", name="Carnet de santé", client=SERVICE),
           "A service that she connected: her vaccinations and medication, nothing else."),
    Member(OPERATOR, Actor("operator", "urn:example:agents|op-1", name="Operator"),
           "Who she is, to make her known to the server; nothing clinical.", purpose="HSYSADMIN"),
    Member("SUPPORT", Actor("support", "urn:example:agents|help-1", name="Support"),
           "Who she is; nothing clinical; she is told.", purpose="SUPNWK"),
    Member("AUDITOR", Actor("auditor", "urn:example:agents|audit-1", name="Auditor"),
           "The access log, by addresses; nothing that they stand for.", purpose="HOPERAT"),
    Member("PAYER", Actor("payer", "urn:example:payers|1", name="Mutuelle d'Essai"),
           "Nothing, whatever it asks.", purpose="COVERAGE"),
)  # fmt: skip
"""In the order in which they are shown."""
