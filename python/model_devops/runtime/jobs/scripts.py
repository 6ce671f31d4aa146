"""What is run inside of a pod by the side of its commands, each by one `python3 -c SCRIPT FOLDER …`."""

_USER = """\
import json, os, sys, time
work = sys.argv[1]
own = os.path.join(work, ".model-devops-job")
users = os.path.join(own, "users")
os.makedirs(users, exist_ok=True)
def touch():
    with open(os.path.join(users, sys.argv[2]), "w"):
        pass
"""
"""Each run has a file of its own there, and touches it whatever it does: so nobody removes what another one uses."""

TAKE = (
    _USER
    + """
import hashlib, tarfile
class Hashed:
    sha256 = hashlib.sha256()
    touched = 0
    def read(self, size):
        data = sys.stdin.buffer.read(size)
        self.sha256.update(data)
        if time.time() - self.touched > 5:
            touch()
            self.touched = time.time()
        return data
found = Hashed()
with tarfile.open(fileobj=found, mode="r|") as tar:
    tar.extractall(os.path.join(work, "of-" + sys.argv[2]))
while found.read(1 << 20):
    pass
print(found.sha256.hexdigest())
"""
)
"""USER, a tar as input: unpacks it into a folder of this user's; the SHA-256 of what came."""

START = (
    _USER
    + """
import shutil
mine = os.path.join(work, "of-" + sys.argv[2])
try:
    os.rename(mine, os.path.join(work, "files"))
except OSError:
    shutil.rmtree(mine, ignore_errors=True)
path = os.path.join(own, "start")
with open(path + sys.argv[2], "w") as stream:
    stream.write(sys.argv[3])
os.rename(path + sys.argv[2], path)
"""
)
"""USER, what to run: the files that came whole first are those that count, since all were sent the same."""

LOOK = (
    _USER
    + """
touch()
print(" ".join(name for name in ("start", "result") if os.path.exists(os.path.join(own, name))))
"""
)
"""USER: how far it is."""

RESULT = """\
import os, sys
sys.stdout.write(open(os.path.join(sys.argv[1], ".model-devops-job", "result")).read())
"""

LIST = """\
import json, os, stat, sys
root = os.path.join(sys.argv[1], "files")
found = []
def add(path):
    at = os.lstat(path)
    kind = "file" if stat.S_ISREG(at.st_mode) else "link" if stat.S_ISLNK(at.st_mode) else "other"
    found.append([os.path.relpath(path, root), at.st_size, kind])
for name in json.loads(sys.argv[2]):
    top = os.path.join(root, name)
    if os.path.isdir(top) and not os.path.islink(top):
        for folder, folders, files in os.walk(top):
            for one in files + [one for one in folders if os.path.islink(os.path.join(folder, one))]:
                add(os.path.join(folder, one))
    elif os.path.lexists(top):
        add(top)
json.dump(found, sys.stdout)
"""
"""Names as JSON: every file that they name, or that is below a folder that they name: path, size, kind."""

GIVE = (
    _USER
    + """
import hashlib
at, sha256, touched = int(sys.argv[3]), hashlib.sha256(), 0
for name, size in json.load(sys.stdin):
    with open(os.path.join(work, "files", name), "rb") as stream:
        left = size
        while left:
            data = stream.read(min(left, 1 << 20))
            if not data:
                sys.exit(name + " became shorter")
            left -= len(data)
            sha256.update(data)
            sys.stdout.buffer.write(data[min(at, len(data)):])
            at -= min(at, len(data))
            if time.time() - touched > 5:
                touch()
                touched = time.time()
sys.stdout.buffer.flush()
sys.stderr.write(sha256.hexdigest())
"""
)
"""USER, an offset; names and sizes as input: all their bytes one after the other, from there on; the SHA-256 of all."""

LEAVE = (
    _USER
    + """
try:
    os.unlink(os.path.join(users, sys.argv[2]))
except OSError:
    pass
recent = time.time() - float(sys.argv[3])
others = [name for name in os.listdir(users) if os.path.getmtime(os.path.join(users, name)) > recent]
if not others:
    open(os.path.join(own, "fetched"), "w").close()
print(len(others))
"""
)
"""USER, seconds: how many others were heard of since; where there are none, the pod may end."""
