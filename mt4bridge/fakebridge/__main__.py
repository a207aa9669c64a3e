import sys

from mt4bridge.fakebridge.cli import main

sys.exit(main())
