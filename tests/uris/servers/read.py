"""What pydantic's AnyUrl, which the Python SDK of the 1.x line puts every URI through, makes of each line of JSON; null where it refuses."""

import json
import sys

from pydantic import AnyUrl, TypeAdapter

adapter = TypeAdapter(AnyUrl)
for line in sys.stdin:
    try:
        print(json.dumps(str(adapter.validate_python(json.loads(line)))))
    except ValueError:
        print("null")
