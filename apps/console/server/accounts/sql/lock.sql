-- Other changes of users wait until this transaction ends, so that two admins cannot remove each other. Reads do not wait.
lock table catalog.console_users in share row exclusive mode
