import psycopg
import pytest
from django.db import connection

from config.supervisor import postgres


@pytest.mark.django_db
def test_it_works():
    with connection.cursor() as cursor:
        cursor.execute("SELECT uuidv7() IS NOT NULL")
        assert cursor.fetchone() == (True,)


def test_it_refuses_a_data_folder_of_another_version(tmp_path):
    data = tmp_path / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(postgres.PostgresError, match="was made by PostgreSQL 17"):
        postgres.prepare(tmp_path, 5432)


def test_a_probe_of_a_silent_port_fails_quickly():
    with pytest.raises(psycopg.OperationalError):
        postgres.create_database("postgres://tokenfab:x@127.0.0.1:1/tokenfab")
