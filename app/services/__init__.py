"""What Bifrost can be asked; one class per subject, one method per use case."""
