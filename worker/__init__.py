"""What runs in the background: Celery's tasks, and the dispatcher that feeds them."""
