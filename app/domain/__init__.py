"""What Bifrost is about. Standard library only: true without any computer nearby."""
