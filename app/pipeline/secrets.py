"""What must not leave the house: every kind of secret and of personal data, in the order in which they are looked for.

What is known by its carrier or its maker comes before what is only known by the name of its field.
"""

from app.pipeline.kinds.carriers import CARRIERS
from app.pipeline.kinds.commands import COMMANDS
from app.pipeline.kinds.fields import FIELDS
from app.pipeline.kinds.labels import LABELS
from app.pipeline.kinds.people import PEOPLE
from app.pipeline.kinds.prose import PROSE
from app.pipeline.kinds.rule import Rule
from app.pipeline.kinds.vendors import VENDORS

RULES: tuple[Rule, ...] = (*CARRIERS, *VENDORS, *FIELDS, *COMMANDS, *PROSE, *LABELS, *PEOPLE)
