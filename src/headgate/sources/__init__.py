"""Where the configuration comes from: files and URLs, read into `Document`s and watched."""
