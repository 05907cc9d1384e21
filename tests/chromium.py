"""The Chromium of this machine; tests that need one skip where there is none."""

import shutil

#: path of its program; empty where there is none
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
MISSING = "no Chromium on this machine (chromium, chromium-browser or google-chrome on the PATH)"
