"""Jobs on a Jenkins controller: made, started, followed and looked at from outside."""
