"""An invented realm, unlike the shipped one in every name: an archipelago where guilds heal and elders decide.

Nobody is a `professional` here; it has other labels, roles, relations, switches, modes and classes.  What the
server can decide with it, it decides by data alone.
"""

from __future__ import annotations

from pathlib import Path

MATRIX = """\
# the tablets of the guilds
class,code,surgeon,herbalist,singer
scar,urn:isles:kind|cut,yes,no,no
brew,urn:isles:kind|tea,yes,yes,no
song,urn:isles:kind|lullaby,no,no,yes
"""

POLICY = """\
id = "isles"
version = "7"
timezone = "Pacific/Chatham"
hidden_at_most = 2

[labels.masked]
codings = ["urn:isles:veil|veiled"]
set_by = ["islander"]
dropped_by = ["islander"]

[labels.withheld-from-person]
codings = ["urn:isles:veil|untold"]
set_by = ["guild"]
dropped_by = ["guild"]

[labels.withheld-from-representatives]
codings = ["urn:isles:veil|not-for-elders"]
set_by = ["islander", "guild"]
dropped_by = ["islander"]

[labels.taboo]
codings = ["urn:isles:veil|taboo"]
set_by = ["guild"]
dropped_by = []

[confidentiality]
"urn:isles:depth|shallow" = 0
"urn:isles:depth|deep" = 3

[classes]
names = ["scar", "brew", "song"]
matrix = "isles.csv"
coded = { Composition = "type" }

[classes.types]
brew = ["MedicationStatement"]
song = ["Communication"]

[types]
administrative = ["Patient", "RelatedPerson"]
unreadable = ["ExplanationOfBenefit"]

[directory]
types = ["Organization", "Practitioner"]
readers = ["islander", "elder", "guild", "sailor"]
writers = ["sailor"]

[roles]
names = ["islander", "elder", "guild", "sailor", "chronicler", "pirate"]
forbidden = ["pirate"]

[professions]
surgeon = ["urn:isles:craft|1"]
herbalist = ["urn:isles:craft|2"]
singer = []

[purposes]
HEALING = { mode = "daylight" }
SHIPWRECK = { mode = "storm", needs_reason = true }

[switches]
lighthouse = false

[relations.oneself]
source = "self"
holders = ["islander"]

[relations.wise]
source = "role"
holders = ["elder"]
most = 2
until_age = "P7Y"
set_by = ["sailor", "bone-setter"]
set_by_grown = ["oneself"]

[relations.bone-setter]
source = "role"
holders = ["guild"]
single = true
unblockable = true

[relations.guest]
source = "authorisation"
structures = "own"
duration = "PT6H"
declared_by = ["bone-setter"]
declared_for = "PT2H"

[relations.banished]
source = "block"

[clocks]
withheld-opens = "P3D"

[decisions]
storms-veil-nothing = { value = true, question = "Is the veil lifted in a storm?" }

[[flow]]
type = "Communication"
path = "about"
direction = "takes"

[[rule]]
name = "oneself"
roles = ["islander"]
relations = ["oneself"]
modes = ["daylight", "storm"]
states = ["open", "closed"]
effect = "permit"
reads = ["record"]
withholds = ["withheld-from-person"]
opens = ["withheld-from-person"]
writes = ["record"]
writing = "own"
audit = "all"
operations = ["$veil"]

[[rule]]
name = "wise"
roles = ["elder"]
relations = ["wise"]
without = ["banished"]
modes = ["daylight"]
effect = "permit"
reads = ["record"]
limit = "granted"
withholds = ["withheld-from-representatives", "choice"]

[[rule]]
name = "bone-setter"
roles = ["guild"]
relations = ["bone-setter"]
modes = ["daylight"]
effect = "permit"
reads = ["record"]
hides = ["taboo"]
withholds = ["choice"]
writes = ["record"]
writing = "all"

[[rule]]
name = "banished"
roles = ["guild"]
relations = ["banished"]
modes = ["daylight"]
effect = "deny"

[[rule]]
name = "storm"
roles = ["guild"]
modes = ["storm"]
on = ["lighthouse"]
professions = ["surgeon", "herbalist"]
effect = "permit"
reads = ["record"]
limit = "matrix"
hides = ["masked", "taboo"]
withholds = ["choice"]
lifted_by = { masked = "lighthouse" }
tells = ["person", "elder"]
when = "storms-veil-nothing"

[[rule]]
name = "guest"
roles = ["guild", "sailor"]
relations = ["guest"]
modes = ["daylight"]
effect = "permit"
reads = ["record"]
limit = "matrix"
confidentialities = [0]
hides = ["masked", "taboo"]
withholds = ["choice"]
own = true
writes = ["Communication"]
writing = "own"

[[rule]]
name = "chronicler"
roles = ["chronicler"]
modes = ["daylight"]
population = true
effect = "permit"
reads = ["Patient"]
audit = "all"
"""


def write_realm(folder: Path, *, policy: str = POLICY, matrix: str = MATRIX) -> str:
    """Write the files of the realm into a folder and return the path of the policy."""
    (folder / "isles.csv").write_text(matrix, "utf-8")
    file = folder / "isles.toml"
    file.write_text(policy, "utf-8")
    return str(file)
