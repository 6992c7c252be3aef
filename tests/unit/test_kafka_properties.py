"""What librdkafka would refuse is told before anything starts, by name and without its value."""

import pytest

from app.domain.errors import ConfigurationInvalid
from app.kafka.checking import check
from app.settings import Kafka

pytestmark = pytest.mark.unit


def kafka(**properties: str) -> Kafka:
    return Kafka.model_validate({"bootstrap_servers": "127.0.0.1:1", "properties": properties})


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"nonsense": "hunter2"}, "kafka.properties.nonsense: librdkafka has no such property"),
        ({"security_protocol": "hunter2"}, "kafka.properties.security.protocol: librdkafka does not take this value"),
        ({"socket_timeout_ms": "hunter2"}, "kafka.properties.socket.timeout.ms: librdkafka does not take this value"),
        ({"ssl_ca_location": "/hunter2"}, "kafka.properties.ssl.ca.location: there is no such file"),
        ({"ssl_certificate_location": "/hunter2"}, "kafka.properties.ssl.certificate.location: there is no such"),
        ({"ssl_key_location": "/hunter2"}, "kafka.properties.ssl.key.location: there is no such file"),
        ({"security_protocol": "ssl", "ssl_key_pem": "hunter2"}, "ssl.key.pem failed"),
        ({"security_protocol": "SASL_SSL", "sasl_mechanism": "PLAIN"}, "sasl.username and sasl.password must be set"),
        ({"default_topic_config": "hunter2"}, "kafka.properties.default.topic.config: must not be set"),
    ],
)
def test_a_wrong_property_is_named_and_its_value_is_not(properties, told):
    with pytest.raises(ConfigurationInvalid) as raised:
        check(kafka(**properties))
    assert told in raised.value.detail
    assert "hunter2" not in raised.value.detail


def test_a_file_that_is_no_certificate_is_named_by_its_property(tmp_path):
    file = tmp_path / "ca.pem"
    file.write_text("no certificate", encoding="utf-8")
    with pytest.raises(ConfigurationInvalid, match=r"ssl\.ca\.location failed"):
        check(kafka(security_protocol="ssl", ssl_ca_location=str(file)))


def test_all_wrong_properties_are_told_at_once():
    with pytest.raises(ConfigurationInvalid, match=r"(?s)nonsense.*ssl\.ca\.location"):
        check(kafka(nonsense="1", ssl_ca_location="/nowhere"))


def test_what_librdkafka_takes_is_taken_without_a_broker():
    check(kafka())
    check(kafka(security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="a", sasl_password="b"))
