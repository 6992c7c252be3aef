"""Which addresses and names of machines are hidden from models."""

from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Forward. A column with a constant default is added without rewriting the table."""
    op.execute("ALTER TABLE analysis_results ADD COLUMN mask varchar(10) NOT NULL DEFAULT 'none'")


def downgrade() -> None:
    """Backward."""
    op.execute("ALTER TABLE analysis_results DROP COLUMN mask")
