"""The other tests start the proxy that `make up` would: compiled, if it is. These start
both.
"""

import pytest

from config import compiled
from config.environment import REPOSITORY
from tests.metering.proxy.conftest import Plane, until


@pytest.fixture(params=["interpreted", "compiled"])
def how(request, monkeypatch):
    if request.param == "interpreted":
        monkeypatch.setattr(compiled, "FOLDER", REPOSITORY / "absent")
    elif compiled.folder_to_run() != compiled.FOLDER:
        pytest.skip("the proxy is not compiled: `make compile`")
    return request.param


def test_both_answer_record_and_refuse(bare_plane: Plane, how):
    bare_plane.start_engine()
    bare_plane.start_proxy()
    bare_plane.begin_test()
    assert f", {how}" in bare_plane.log("proxy")
    secret = bare_plane.add_key(requests_per_minute=2, concurrent_requests=5)
    until(lambda: bare_plane.chat(secret).is_success)
    assert "[DONE]" in bare_plane.chat(secret, stream=True).text
    assert bare_plane.chat(secret).status_code == 429
    assert len(bare_plane.events()) == 2
