"""The widgets: a file a panel. Must not know SQL, threads or how a file is read."""
