"""A configuration of Kafka that cannot work ends a command before it starts anything."""

import pytest

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("command", [("bridge",), ("heimdall", "topics"), ("up", "--port", "0")])
def test_a_wrong_property_of_kafka_is_bad_input(run, environ, tmp_path, command):
    environ |= {
        "BIFROST_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "BIFROST_KAFKA__PROPERTIES__SECURITY_PROTOCOL": "nonsense",
    }
    if command == ("bridge",):
        environ |= {"BIFROST_DATABASE_URL": "postgresql://127.0.0.1:1/x", "BIFROST_REDIS_URL": "redis://127.0.0.1:1"}
    ended = run(*command)
    assert ended.exit_code == 2, ended.output
    assert "kafka.properties.security.protocol" in ended.stderr
    assert "nonsense" not in ended.stderr
    assert not (tmp_path / "data").exists()
