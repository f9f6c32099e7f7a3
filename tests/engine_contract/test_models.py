def test_it_works(engine):
    with engine.client() as client:
        answer = client.get("/v1/models")
    assert answer.status_code == 200
    assert answer.json()["object"] == "list"
    (model,) = answer.json()["data"]
    assert model["id"] == engine.model
    assert model["object"] == "model"
    assert model["max_model_len"] == 4096
    assert model.keys() == {
        "id",
        "object",
        "created",
        "owned_by",
        "root",
        "parent",
        "max_model_len",
        "permission",
    }


def test_health_and_metrics_need_no_key(engine):
    with engine.client(authorization="") as client:
        assert client.get("/health").status_code == 200
        assert client.get("/ping").status_code == 200
        assert client.get("/metrics").status_code == 200
        assert client.get("/version").json().keys() == {"version"}
        assert client.get("/load").json().keys() == {"server_load"}


def test_it_refuses_a_missing_key(engine):
    with engine.client(authorization="") as client:
        answer = client.get("/v1/models")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized"}
    assert answer.headers["x-request-id"]


def test_it_refuses_a_wrong_key(engine):
    with engine.client(authorization="Bearer nobody") as client:
        assert client.get("/v1/models").status_code == 401


def test_it_refuses_an_unknown_path(engine):
    with engine.client() as client:
        answer = client.get("/v1/nowhere")
    assert answer.status_code == 404
    assert answer.json() == {"detail": "Not Found"}


def test_it_refuses_a_wrong_method(engine):
    with engine.client() as client:
        answer = client.get("/v1/chat/completions")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "POST"
    assert answer.json() == {"detail": "Method Not Allowed"}
