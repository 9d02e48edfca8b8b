"""Users, whose todos are theirs, and conversations. Only adds: a release that knows no users still inserts todos."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "users",
        _id(),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        _time("created_at"),
    )
    op.add_column("todos", sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE")))
    op.create_index("ix_todos_user_id", "todos", ["user_id", "id"])
    op.create_table(
        "conversations",
        _id(),
        sa.Column("user_id", sa.BigInteger, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        _time("created_at"),
        _time("updated_at"),
    )
    op.create_index("ix_conversations_user_id", "conversations", ["user_id", "updated_at"])
    op.create_table(
        "messages",
        _id(),
        sa.Column("conversation_id", sa.BigInteger, sa.ForeignKey("conversations.id", ondelete="CASCADE"), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("content", sa.Text, nullable=False),
        sa.Column("tool_calls", JSONB, server_default=sa.text("'[]'::jsonb"), nullable=False),
        _time("created_at"),
    )
    op.create_index("ix_messages_conversation_id", "messages", ["conversation_id", "id"])


def downgrade() -> None:
    op.drop_table("messages")
    op.drop_table("conversations")
    op.drop_column("todos", "user_id")
    op.drop_table("users")


def _id() -> sa.Column:
    return sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True)


def _time(name: str) -> sa.Column:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)
