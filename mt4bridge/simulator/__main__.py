import sys

from mt4bridge.simulator.cli import main

sys.exit(main())
