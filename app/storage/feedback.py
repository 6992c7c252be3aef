"""What people say of analyses, and how often of each version of a prompt."""

from sqlalchemy import Connection, text

from app.domain.stored_prompts import Feedback, Rating

#: Held until the end of the transaction: two that speak at once are counted one after the other.
_HOLD = text("""
    SELECT r.prompt_name, r.prompt_version, r.degraded, f.rating
    FROM analysis_results r LEFT JOIN feedback f ON f.analysis_id = r.id
    WHERE r.id = :id AND r.project_id = :project_id AND r.status = 'completed' FOR UPDATE OF r
""")
_SAY = text("""
    INSERT INTO feedback (analysis_id, rating, comment) VALUES (:id, :rating, :comment)
    ON CONFLICT (analysis_id) DO UPDATE SET rating = excluded.rating, comment = excluded.comment, updated_at = now()
    RETURNING updated_at
""")
_COUNT = text("""
    INSERT INTO prompt_feedback AS counted (project_id, prompt_name, prompt_version, up, down)
    VALUES (:project_id, :name, :version, :up, :down)
    ON CONFLICT (project_id, prompt_name, prompt_version) DO UPDATE SET
        up = counted.up + excluded.up, down = counted.down + excluded.down
""")


class PostgresFeedbacks:
    """`prompt_ports.Feedbacks` on one connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def rate(self, project_id: int, analysis_id: int, rating: Rating, comment: str | None) -> Feedback | None:
        """The last word counts, once. None: there is no such completed analysis.

        What the rules answered in place of a model says nothing of the prompt, and counts for none.
        """
        values = {"id": analysis_id, "project_id": project_id, "rating": rating.value, "comment": comment}
        self._connection.execute(_HOLD, values)
        # once more: what somebody said while we waited for the row is seen only now
        held = self._connection.execute(_HOLD, values).first()
        if held is None:
            return None
        updated_at = self._connection.execute(_SAY, values).scalar_one()
        if held.prompt_name is not None and not held.degraded and held.rating != rating:
            change = {one: (one == rating) - (one == held.rating) for one in Rating}
            counted = {"name": held.prompt_name, "version": held.prompt_version}
            self._connection.execute(_COUNT, values | counted | {"up": change[Rating.UP], "down": change[Rating.DOWN]})
        return Feedback(analysis_id=analysis_id, rating=rating, comment=comment, updated_at=updated_at)
