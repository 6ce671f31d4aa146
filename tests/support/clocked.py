"""The real command line under a clock of the test's own: `python clocked.py MOMENT VERB …`."""

import sys
from datetime import datetime

from model_devops.adapters import clock
from model_devops.cli.main import run

moment = datetime.fromisoformat(sys.argv[1])
clock.now = lambda: moment
sys.exit(run(sys.argv[2:]))
