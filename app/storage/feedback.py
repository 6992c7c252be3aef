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
_GET = text("""
    SELECT f.rating, f.comment, f.updated_at FROM feedback f JOIN analysis_results r ON r.id = f.analysis_id
    WHERE r.id = :id AND r.project_id = :project_id
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

    def get(self, project_id: int, analysis_id: int) -> Feedback | None:
        """What was said last. None: nothing, or there is no such analysis."""
        row = self._connection.execute(_GET, {"id": analysis_id, "project_id": project_id}).first()
        if row is None:
            return None
        return Feedback(
            analysis_id=analysis_id, rating=Rating(row.rating), comment=row.comment, updated_at=row.updated_at
        )

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
