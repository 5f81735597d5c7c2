"""Let people sign in at the city's single sign-on: who they are there, and who is on the way.

Requests' own role reaches neither table: signing in is done by the owner, as with passwords.
"""

from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make both tables."""
    op.execute(
        "CREATE TABLE person_identity (person_id bigint NOT NULL REFERENCES person (id), issuer varchar(255) NOT NULL,"
        " subject varchar(255) NOT NULL, bound_at timestamptz NOT NULL DEFAULT now(), PRIMARY KEY (person_id, issuer),"
        " UNIQUE (issuer, subject))"
    )
    op.execute(
        "CREATE TABLE sign_on_attempt (state_hash varchar(64) PRIMARY KEY, nonce varchar(64) NOT NULL,"
        " verifier varchar(128) NOT NULL, redirect_uri text NOT NULL, goes_to text NOT NULL DEFAULT '/',"
        " invitation_hash varchar(64) NOT NULL DEFAULT '', expires_at timestamptz NOT NULL)"
    )
    op.execute("REVOKE ALL ON person_identity, sign_on_attempt FROM tidu_app")
    op.execute("ALTER TABLE web_session ADD COLUMN is_sign_on boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    """Take them away; people have their passwords."""
    op.execute("ALTER TABLE web_session DROP COLUMN is_sign_on")
    op.execute("DROP TABLE sign_on_attempt")
    op.execute("DROP TABLE person_identity")
