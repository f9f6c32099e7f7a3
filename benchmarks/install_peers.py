"""Installs the peers of the benchmark that Python packages hold: `make bench-peers`.

Each into a virtual environment of its own below `PEERS` (var/peers), since none of
their dependencies are ours. What is there in the wanted version is left alone.
"""

import subprocess
import sys
import venv

from benchmarks.peers import FOLDER, PEERS, Peer


def _is_installed(peer: Peer) -> bool:
    wanted = (peer.package or "").partition("==")[2]
    return peer.program is not None and peer.version() == wanted


def _install(peer: Peer) -> str:
    """What became of it, in words."""
    if peer.package is None:
        missing = "missing: install it with the system's package manager"
        return f"{peer.version()}, of the system" if peer.program else missing
    if _is_installed(peer):
        return f"{peer.version()}, there already"
    venv.create(peer.environment_folder, with_pip=True, clear=True)
    python = peer.environment_folder / "bin" / "python"
    argv = [str(python), "-m", "pip", "install", "-qq", peer.package]
    if subprocess.run(argv, check=False).returncode:
        return "not installed: see above; the benchmark will skip it"
    return f"{peer.version()}, installed"


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    for peer in PEERS:
        print(f"{peer.name}: {_install(peer)}")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
