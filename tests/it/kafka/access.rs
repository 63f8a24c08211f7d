//! Users and their rights: SASL/SCRAM over TLS, rules of the broker's own authorizer.

use super::harness::{Driver, Records, State, assert_complete_and_in_order, consumed};
use crate::kafka_log::check::found;
use crate::support::{kafka, ports, wait};
use meterline::journal::Sequence;
use meterline::kafka::{Sasl, SaslMechanism, Tls};
use meterline::secret::Secret;
use meterline::sink::kafka::{Config, DeliveryMode, migrate};
use std::time::Duration;
use tempfile::TempDir;

const USER: &str = "meterline";
const PASSWORD: &str = "right-horse";
const LIMIT: Duration = Duration::from_secs(30);

/// A broker that allows everything without TLS, and a user with TLS and a password only
/// the granted operations.
struct BrokerWithUsers {
    broker: kafka::Broker,
    port: u16,
    keys: TempDir,
}

impl BrokerWithUsers {
    fn start() -> Self {
        let keys = tempfile::tempdir().unwrap();
        let [keystore, _] = kafka::broker_keys(keys.path());
        let port = ports::free();
        let secured = format!("SASL_SSL://127.0.0.1:{port}");
        let settings = [
            format!("listeners=PLAINTEXT://127.0.0.1:{{port}},CONTROLLER://127.0.0.1:{{controller_port}},{secured}"),
            format!("advertised.listeners=PLAINTEXT://127.0.0.1:{{port}},{secured}"),
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL".to_owned(),
            format!("ssl.keystore.location={}", keystore.display()),
            "ssl.keystore.password=secret".to_owned(),
            "sasl.enabled.mechanisms=SCRAM-SHA-512".to_owned(),
            "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;"
                .to_owned(),
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
            "super.users=User:ANONYMOUS".to_owned(),
        ];
        let settings: Vec<&str> = settings.iter().map(String::as_str).collect();
        let broker = kafka::Broker::start_with_users(&settings, &format!("{USER}:{PASSWORD}"));
        Self { broker, port, keys }
    }

    /// The topic, created by an administrator, and the user's configuration.
    fn topic(&self, topic: &str, password: &str) -> Config {
        migrate(&Config::new(self.broker.brokers(), topic)).unwrap();
        let mut config = Config::new(format!("127.0.0.1:{}", self.port), topic);
        config.client.tls = Some(Tls { ca_location: Some(self.keys.path().join("certificate.pem")) });
        config.client.sasl = Some(Sasl {
            mechanism: SaslMechanism::ScramSha512,
            username: USER.to_owned(),
            password: Secret::new(password),
        });
        config
    }

    fn grant(&self, topic: &str, operations: &[&str]) {
        kafka::change_access(&self.broker.brokers(), "grant", USER, topic, operations);
    }

    fn refuse(&self, topic: &str, operations: &[&str]) {
        kafka::change_access(&self.broker.brokers(), "refuse", USER, topic, operations);
    }
}

/// Waits until the sink is blocked; returns the reason.
fn blocked(driver: &mut Driver, records: &Records) -> String {
    driver.run(records, "the sink is blocked", |driver| matches!(driver.state, State::Blocked(_)));
    let State::Blocked(why) = &driver.state else { unreachable!() };
    why.clone()
}

#[test]
fn a_wrong_password_and_missing_rights_block_the_sink_until_they_are_right_and_lose_nothing() {
    let guarded = BrokerWithUsers::start();
    let records = Records::in_turn(300, 7);
    let why = blocked(&mut Driver::new(&guarded.topic("access", "wrong-horse")), &records);
    assert!(why.contains("credentials of user meterline") && !why.contains("horse"), "{why}");

    let config = guarded.topic("access", PASSWORD);
    let mut driver = Driver::new(&config);
    let why = blocked(&mut driver, &records);
    assert!(why.contains("grant Write and Describe"), "{why}");
    guarded.grant("access", &["Describe"]);
    driver.run(&records, "another reason", |driver| driver.troubles.len() > 1);
    let why = blocked(&mut driver, &records);
    assert!(why.contains("grant Write"), "{why}");

    guarded.grant("access", &["Write"]);
    driver.run_to_end(&records);
    guarded.refuse("access", &["Write"]);
    let more = Records::in_turn(600, 7);
    let why = blocked(&mut driver, &more);
    assert!(why.contains("grant Write"), "{why}");
    assert!(driver.safe >= Sequence(301), "{}", driver.safe);
    guarded.grant("access", &["Write"]);
    driver.run_to_end(&more);
    // A topic without the right to read cannot be checked, which is not a loss.
    assert_eq!(driver.losses, []);
    assert_complete_and_in_order(&consumed(&guarded.broker.brokers(), "access"), more.last());
}

#[test]
fn a_user_without_a_right_that_transactions_need_gets_its_name() {
    let guarded = BrokerWithUsers::start();
    let mut config = guarded.topic("access-tx", PASSWORD);
    config.delivery = DeliveryMode::Transactional;
    guarded.grant("access-tx", &["Write", "Describe"]);
    let records = Records::in_turn(300, 7);
    let mut driver = Driver::new(&config);
    for (why, resource, operations) in [
        ("grant Read on it", "group:meterline-", &["Read"][..]),
        ("grant Write and Describe on it", "transactional_id:meterline-", &["Write", "Describe"]),
        ("grant Read on the topic", "access-tx", &["Read"]),
    ] {
        driver.run(&records, why, |driver| matches!(&driver.state, State::Blocked(found) if found.contains(why)));
        guarded.grant(resource, operations);
    }
    driver.run_to_end(&records);
    assert_complete_and_in_order(&consumed(&guarded.broker.brokers(), "access-tx"), records.last());
}

#[test]
fn a_user_who_may_read_the_topic_finds_out_what_it_lost() {
    let guarded = BrokerWithUsers::start();
    let config = guarded.topic("access-read", PASSWORD);
    guarded.grant("access-read", &["Write", "Describe", "Read"]);
    let mut driver = Driver::new(&config);
    let records = Records::in_turn(300, 7);
    driver.run_to_a_checkpoint(&records);
    kafka::delete_topic(&guarded.broker.brokers(), "access-read");
    guarded.topic("access-read", PASSWORD);
    kafka::fill(&guarded.broker.brokers(), "access-read", 400, &super::harness::foreign());
    guarded.grant("access-read", &["Write", "Describe", "Read"]);
    let mut driver = driver.restart(&config);
    driver.run(&records, "the loss is noticed", |driver| !driver.losses.is_empty());
    driver.run_to_end(&records);
    assert_complete_and_in_order(&consumed(&guarded.broker.brokers(), "access-read"), records.last());
}

#[test]
fn a_user_who_may_not_read_gets_the_name_of_the_missing_right() {
    let guarded = BrokerWithUsers::start();
    let client = guarded.topic("access-group", PASSWORD).client;
    let first = || found(&client, "access-group").remove(0);
    assert!(first().1.contains("this user may not read topic access-group"), "{:?}", first());
    guarded.grant("access-group", &["Read", "Describe"]);
    wait::until("the right to the topic is there", LIMIT, || first().1.contains("may not read in group check"));
}

#[test]
fn a_brokers_certificate_must_be_signed_by_the_given_authority() {
    let guarded = BrokerWithUsers::start();
    let mut config = guarded.topic("access-authority", PASSWORD);
    config.client.tls = Some(Tls { ca_location: None });
    let why = blocked(&mut Driver::new(&config), &Records::in_turn(10, 2));
    assert!(why.contains("ca_file"), "{why}");
}
