//! The configuration: from text and environment to settings or faults.

#[cfg(all(feature = "sqlite", feature = "questdb", feature = "kafka"))]
mod described;

use super::*;
use crate::source::smart_me::{Account, Login, NotRotatable, PollMode, Reach};
use crate::wire::PayloadFormat;
use crate::wire::meters::Role;

static NO_ENVIRONMENT: BTreeMap<String, String> = BTreeMap::new();

fn faults(text: &str) -> Vec<String> {
    match parse("m.toml", text, &NO_ENVIRONMENT) {
        Ok(_) => Vec::new(),
        Err(faults) => faults.0.iter().map(ToString::to_string).collect(),
    }
}

fn config(text: &str) -> Config {
    parse("m.toml", text, &NO_ENVIRONMENT).unwrap_or_else(|faults| panic!("{faults}"))
}

#[test]
fn nothing_configured_is_loopback_open_account_and_embedded_store() {
    let config = config("");
    assert_eq!(config.webhook.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.webhook.accounts.len(), 1);
    assert_eq!(config.webhook.accounts[0].path, "/smart-me");
    assert!(config.webhook.accounts[0].credentials.is_empty());
    assert_eq!(config.data_directory, PathBuf::from("meterline-data"));
    #[cfg(feature = "sqlite")]
    let file = PathBuf::from("meterline-data/meterline.sqlite");
    assert_eq!(
        config.sinks.sqlite,
        Some(crate::sink::sqlite::Config {
            file,
            retention: crate::sink::sqlite::Retention::default(),
            time_zone: "UTC".to_owned()
        })
    );
}

#[test]
fn all_faults_are_reported_at_once_with_line_key_and_correction() {
    let found = faults(
        "[webhook]\nlisten = \"8080\"\nidle_timout = \"5m\"\n[journal]\ncap = \"lots\"\n[log]\nlevel = \"loud\"\n",
    );
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(
        found.iter().any(|fault| fault.starts_with("m.toml:2: webhook.listen: '8080' is not an address with a port"))
    );
    assert!(
        found.iter().any(|fault| fault == "m.toml:3: webhook.idle_timout: unknown key; did you mean 'idle_timeout'?")
    );
    assert!(found.iter().any(|fault| fault.starts_with("m.toml:5: journal.cap: 'lots' is not a size, like \"4MiB\"")));
    assert!(found.iter().any(|fault| fault.starts_with("m.toml:7: log.level: 'loud' is not one of error, warn")));
}

#[test]
fn a_listener_beyond_loopback_needs_a_proxy_and_credentials() {
    let found = faults("[webhook]\nlisten = \"0.0.0.0:8080\"\n");
    assert!(found.iter().any(|fault| fault.contains("behind_proxy")), "{found:#?}");
    assert!(found.iter().any(|fault| fault.contains("no credentials")), "{found:#?}");
}

#[test]
fn an_accounts_bodies_are_smart_mes_by_default() {
    let account = |line: &str| format!("[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n{line}\n");
    let format = |line: &str| config(&account(line)).webhook.accounts[0].format;
    assert_eq!(format(""), PayloadFormat::SmartMe);
    assert_eq!(format("format = \"smart-me\""), PayloadFormat::SmartMe);
    assert_eq!(format("format = \"meterline\""), PayloadFormat::ReadingBatch);
    assert!(faults(&account("format = \"json\""))[0].contains("'json' is not one of smart-me, meterline"));
}

#[test]
fn networks_of_proxies_are_ranges_or_addresses() {
    let of = |network: &str| format!("[webhook]\nbehind_proxy = [\"{network}\"]\n");
    for right in ["0.0.0.0/0", "::/0", "10.0.0.1", "10.0.0.1/32", "fd00::/8"] {
        assert_eq!(config(&of(right)).webhook.behind_proxy.len(), 1, "{right}");
    }
    for wrong in ["-", "10.0.0.0/33", "::/129", "10.0.0/8", "10.0.0.0/", "example.org"] {
        assert!(faults(&of(wrong))[0].contains("is not a network, like"), "{wrong}");
    }
}

#[test]
fn a_password_in_the_file_is_refused_and_not_repeated() {
    let found = faults("[[webhook.account]]\nname = \"a\"\npath = \"/a\"\nusername = \"u\"\npassword = \"hunter2\"\n");
    assert!(found.iter().any(|fault| fault.contains("password_file")), "{found:#?}");
    assert!(!found.concat().contains("hunter2"));
}

#[test]
fn secrets_come_from_files_and_are_in_no_debug_text() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("password");
    std::fs::write(&file, "hunter2\n").unwrap();
    let text = format!(
        "[[webhook.account]]\nname = \"a\"\npath = \"/secret-path\"\nusername = \"u\"\npassword_file = {:?}\n",
        file.display().to_string()
    );
    let config = config(&text);
    assert_eq!(config.webhook.accounts[0].credentials.len(), 1);
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("secret-path"), "{shown}");
}

#[test]
fn the_environment_wins_over_the_file_and_unknown_variables_are_faults() {
    let environment = BTreeMap::from([
        ("METERLINE_WEBHOOK_LISTEN".to_owned(), "127.0.0.1:9999".to_owned()),
        ("METERLINE_JOURNAL_CAPP".to_owned(), "1GiB".to_owned()),
        ("PATH".to_owned(), "/bin".to_owned()),
    ]);
    let faults = parse("m.toml", "[webhook]\nlisten = \"127.0.0.1:1\"\n", &environment).unwrap_err();
    assert_eq!(faults.0.len(), 1, "{faults}");
    assert_eq!(faults.0[0].key, "METERLINE_JOURNAL_CAPP");
    let environment = BTreeMap::from([("METERLINE_WEBHOOK_LISTEN".to_owned(), "127.0.0.1:9999".to_owned())]);
    let config = parse("m.toml", "[webhook]\nlisten = \"127.0.0.1:1\"\n", &environment).unwrap();
    assert_eq!(config.webhook.listen.port(), 9999);
}

#[test]
fn sizes_and_spans_are_read_as_people_write_them() {
    let journal =
        config("[journal]\ncap = \"8GiB\"\nsegment = \"32 MiB\"\nretain = 500_000\nretain_age = \"1d 12h\"\n").journal;
    assert_eq!(journal.cap_bytes, 8 << 30);
    assert_eq!(journal.segment_bytes, 32 << 20);
    assert_eq!(journal.retain_bytes, 500_000);
    assert_eq!(journal.retain_age, Duration::from_hours(36));
    for wrong in ["", "5", "5 parsecs", "h", "-3s", "99999999999999999999d"] {
        assert!(parse_duration(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn records_may_be_retained_forever() {
    let journal = config("[journal]\nretain = \"forever\"\nretain_age = \"forever\"\n").journal;
    assert_eq!((journal.retain_bytes, journal.retain_age), (u64::MAX, Duration::MAX));
    let found = faults("[journal]\nretain_age = \"always\"\n");
    assert!(found[0].contains("or \"forever\""), "{found:?}");
}

#[test]
#[cfg(feature = "sqlite")]
fn a_sink_is_required_by_default_and_only_an_optional_one_has_a_maximum_lag() {
    assert_eq!(config("[sink.sqlite]\n").sinks.optional, []);
    let optional = |lag_bytes_max| crate::journal::OptionalCursor { cursor: "sqlite".to_owned(), lag_bytes_max };
    assert_eq!(config("[sink.sqlite]\nrequired = false\n").sinks.optional, [optional(u64::MAX)]);
    let bounded = config("[sink.sqlite]\nrequired = false\nmax_lag = \"1GiB\"\n");
    assert_eq!(bounded.sinks.optional, [optional(1 << 30)]);
    for (lines, says) in [
        ("max_lag = \"1GiB\"", "applies only to a sink with required = false"),
        ("required = false\nmax_lag = \"100MiB\"", "at least two times journal.segment"),
    ] {
        let found = faults(&format!("[sink.sqlite]\n{lines}\n"));
        assert!(found.len() == 1 && found[0].contains(says), "{found:?}");
    }
}

/// A webhook account with credentials and a `[[smart_me]]` table with these lines.
fn with_smart_me(directory: &Path, lines: &str) -> String {
    let secret = |name: &str| {
        let file = directory.join(name);
        std::fs::write(&file, "hunter2").unwrap();
        file.display().to_string()
    };
    format!(
        "[[webhook.account]]\nname = \"a\"\npath = \"/secret-path\"\nusername = \"u\"\npassword_file = {:?}\n\
         [[smart_me]]\naccount = \"a\"\napi_key_file = {:?}\n{lines}\n",
        secret("password"),
        secret("key")
    )
}

#[test]
fn an_account_of_another_format_is_not_registered_at_smart_me() {
    let directory = tempfile::tempdir().unwrap();
    let text = with_smart_me(directory.path(), "public_url = \"https://m.example\"");
    let found = faults(&text.replace("path = ", "format = \"meterline\"\npath = "));
    assert!(found.len() == 1 && found[0].contains("smart_me[1].public_url"), "{found:?}");
}

#[test]
fn an_account_at_smart_me_is_registered_with_the_webhooks_address_and_first_pair() {
    let directory = tempfile::tempdir().unwrap();
    let config = config(&with_smart_me(directory.path(), "public_url = \"https://m.example/in/\"\nreconcile = true"));
    let account = config.smart_me().next().unwrap();
    let wanted = account.wanted.as_ref().unwrap();
    assert_eq!(wanted.url, "https://m.example/in/secret-path");
    assert_eq!(
        wanted.credentials.as_ref().map(|(user, password)| (user.as_str(), password.expose())),
        Some(("u", "hunter2"))
    );
    assert_eq!(account.reconcile_every, Some(Duration::from_mins(15)));
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("secret-path"), "{shown}");
}

#[test]
fn an_account_at_smart_me_that_cannot_work_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    for (lines, says) in [
        ("reconcile = true", "needs public_url"),
        ("public_url = \"m.example\"", "is not a valid URL"),
        ("username = \"x\"\npassword_env = \"NONE\"", "is not set"),
        ("meter = \"x\"", "not the id of a device"),
        ("client_id = \"x\"\nclient_secret = \"x\"", "secrets are not allowed"),
        ("requests_per_minute = 0", "between 1"),
        ("[[smart_me]]\naccount = \"b\"\npoll = \"watch\"", "no [[webhook.account]] called 'b'"),
        ("[[smart_me]]\naccount = \"b\"\npublic_url = \"https://m.example\"", "no [[webhook.account]] called 'b'"),
        ("[[smart_me]]\naccount = \"\"", "1 to 64 characters"),
        ("poll = \"sometimes\"", "not one of off, watch, store"),
        ("poll_every = \"10ms\"", "at least 1s"),
        ("poll_values = [\"all\"]", "needs poll"),
        ("poll = \"store\"\npoll_values = [\"x\"]", "not the id of a device"),
        ("poll = \"store\"\npartner = true\npoll_values = [\"all\"]", "not possible for a partner's account"),
        ("unit_factor_expected = 0", "between 1"),
        ("[[smart_me]]\naccount = \"a\"", "already"),
    ] {
        let found = faults(&with_smart_me(directory.path(), lines));
        assert!(found.iter().any(|fault| fault.contains(says)), "{lines}: {found:?}");
        assert!(!found.concat().contains("hunter2"));
    }
}

#[test]
fn an_account_is_watched_where_a_webhook_brings_its_readings_and_stored_where_none_does() {
    let directory = tempfile::tempdir().unwrap();
    let key = directory.path().join("key");
    let alone = format!("[[smart_me]]\naccount = \"b\"\napi_key_file = {key:?}\npartner = true");
    let both = config(&with_smart_me(directory.path(), &alone));
    let accounts: Vec<_> = both.smart_me().collect();
    let [with, without] = accounts[..] else { panic!("two accounts") };
    let polling = |account: &Account| account.polling.clone().unwrap();
    assert_eq!((polling(with).mode, polling(with).every), (PollMode::Watch, Duration::from_mins(5)));
    assert_eq!((polling(without).mode, polling(without).every), (PollMode::Store, Duration::from_mins(1)));
    assert_eq!((with.reach, without.reach), (Reach::Own, Reach::Partner));
    assert_eq!((polling(with).gateways, polling(without).gateways), (true, false));
    let off = config(&with_smart_me(directory.path(), "poll = \"off\""));
    assert_eq!(off.smart_me().next().unwrap().polling, None);
}

#[test]
fn a_unit_is_stated_for_all_meters_or_for_some_where_none_is_published() {
    let (own, other) = ("8d2f3c64-0c58-4a0e-9d1b-0b7a3f5f6f11", "1f0c5f0e-5d0f-4f6e-8a55-3c9c5d6b7a22");
    let table = |register: &str, unit: &str, more: &str| {
        format!("[[unit]]\nregister = \"{register}\"\nunit = \"{unit}\"\n{more}\n")
    };
    let text = table("8-0:1.0.0", "l", "") + &table("8-0:1.0.0*255", "m3", &format!("meters = [\"{own}\"]"));
    let units = config(&text).units;
    let symbol = |id: &str| {
        units.symbol(crate::reading::MeterId::from(id.parse::<uuid::Uuid>().unwrap()), "8-0:1.0.0".parse().unwrap())
    };
    assert_eq!((symbol(own), symbol(other)), ("m3", "l"));
    for (text, message) in [
        (table("1-0:1.8.0", "kWh", ""), "1-0:1.8.0*255 is in Wh for every meter"),
        (table("8-0:1.0.0", "l", "") + &table("8-0:1.0.0", "m3", ""), "already has the unit l for all meters"),
        (text.clone() + &table("8-0:1.0.0", "l", &format!("meters = [\"{own}\"]")), "already has the unit m3"),
        (table("8-0:1.0.0", "gallon", ""), "'gallon' is not one of m3, l, Wh, kWh, MWh, MJ, GJ"),
        (table("water", "l", ""), "'water' is no OBIS code"),
        (table("8-0:1.0.0", "l", "meters = [\"x\"]"), "'x' is not the id of a meter"),
        ("[[unit]]\nregister = \"8-0:1.0.0\"\n".to_owned(), "is required, for example: unit = \"m3\""),
        ("[[unit]]\nunit = \"m3\"\n".to_owned(), "is required, for example: register = \"8-0:1.0.0\""),
    ] {
        let found = faults(&text);
        assert!(found.len() == 1 && found[0].contains(message), "{message}: {found:?}");
    }
}

#[test]
fn a_meter_is_at_one_metering_point_and_at_its_own_where_none_is_named() {
    let (old, new) = ("8d2f3c64-0c58-4a0e-9d1b-0b7a3f5f6f11", "1f0c5f0e-5d0f-4f6e-8a55-3c9c5d6b7a22");
    let text = format!("[[metering_point]]\nname = \"house-1\"\nmeters = [\"{old}\", \"{new}\"]\n");
    let directory = tempfile::tempdir().unwrap();
    let points = config(&with_smart_me(directory.path(), &text)).metering_points;
    let of = |id: &str| points.of(crate::reading::MeterId::from(id.parse::<uuid::Uuid>().unwrap()));
    assert_eq!((of(old), of(new)), ("house-1".to_owned(), "house-1".to_owned()));
    let alone = "00000000-0000-4000-8000-000000000001";
    assert_eq!(of(alone), alone);

    let found = faults(&format!("{text}[[metering_point]]\nname = \"house-2\"\nmeters = [\"{new}\", \"x\"]\n"));
    assert!(found.iter().any(|fault| fault.contains("is already at 'house-1'")), "{found:?}");
    assert!(found.iter().any(|fault| fault.contains("'x' is not the id of a meter")), "{found:?}");
    let found = faults(&format!("{text}{text}"));
    assert!(found.iter().any(|fault| fault.contains("already has a [[metering_point]] table")), "{found:?}");
    assert!(faults("[[metering_point]]\nname = \"\"\nmeters = []")[0].contains("characters"));
    let id = |id: &str| crate::reading::MeterId::from(id.parse::<uuid::Uuid>().unwrap());
    let points = config(&with_smart_me(directory.path(), &format!("{text}role = \"production\"\n"))).metering_points;
    assert_eq!((points.role(id(new)), points.role(id(alone))), (Some(Role::Production), None));
    let found = faults(&format!("{text}role = \"roof\"\n"));
    assert!(found.iter().any(|fault| fault.contains("'roof' must be \"grid\", \"production\"")), "{found:?}");
    let untold = with_smart_me(directory.path(), &format!("poll = \"off\"\n{text}"));
    assert!(faults(&untold)[0].contains("the names of the meters come from there"), "{:?}", faults(&untold));
    assert_eq!(
        faults(&format!("{text}[[p1]]\nname = \"cellar\"\naddress = \"h:1\"\n")),
        [""; 0],
        "a device has a name"
    );
}

#[cfg(all(feature = "questdb", feature = "kafka"))]
#[test]
fn descriptions_of_meters_have_a_table_and_a_topic_of_their_own() {
    let tables = |questdb: &str, kafka: &str| {
        format!("[sink.questdb]\nurl = \"http://q:9000\"\n{questdb}\n[sink.kafka]\nbrokers = \"k:9092\"\n{kafka}\n")
    };
    let sinks = config(&tables("", "topic = \"mine\"")).sinks;
    assert_eq!(sinks.kafka.unwrap().meters_topic.as_deref(), Some("mine-meters"));
    let sinks = config(&tables("meters_table = \"named\"", "meters_topic = \"\"")).sinks;
    assert_eq!(sinks.questdb.unwrap().sink.meters_table.unwrap().as_str(), "named");
    assert_eq!(sinks.kafka.unwrap().meters_topic, None);
    let found = faults(&tables("table = \"a\"\nmeters_table = \"a\"", "topic = \"b\"\nmeters_topic = \"b\""));
    assert_eq!(found.iter().filter(|fault| fault.contains("must not be the t")).count(), 2, "{found:?}");
}

#[cfg(feature = "kafka")]
#[test]
fn the_values_of_kafka_have_a_format_and_the_ids_of_their_schemas_or_none() {
    use crate::sink::kafka::Format;

    let table = |lines: &str| format!("[sink.kafka]\nbrokers = \"k:9092\"\n{lines}\n");
    let kafka = |lines: &str| config(&table(lines)).sinks.kafka.unwrap();
    let plain = kafka("");
    assert_eq!((plain.format, plain.schema_id, plain.meters_schema_id), (Format::Protobuf, None, None));
    let framed = kafka("format = \"json\"\nschema_id = 7\nmeters_schema_id = 2147483647");
    assert_eq!(
        (framed.format, framed.schema_id, framed.meters_schema_id),
        (Format::Json, Some(7), Some(2_147_483_647))
    );
    assert_eq!(kafka("schema_id = 7\nmeters_topic = \"\"").schema_id, Some(7));
    for (lines, word) in [
        ("format = \"avro\"", "format"),
        ("schema_id = 7", "meters_schema_id"),
        ("meters_schema_id = 7", "schema_id"),
        ("schema_id = 0\nmeters_schema_id = 1", "from 1 to"),
        ("schema_id = 2147483648\nmeters_schema_id = 1", "from 1 to"),
    ] {
        let found = faults(&table(lines));
        assert!(found.iter().any(|fault| fault.contains(word)), "{lines}: {found:?}");
    }
}

#[cfg(feature = "kafka")]
#[test]
fn kafkas_transactions_have_bounds() {
    use crate::sink::kafka::DeliveryMode;

    let table = |lines: &str| format!("[sink.kafka]\nbrokers = \"k:9092\"\n{lines}\n");
    let kafka = |lines: &str| config(&table(lines)).sinks.kafka.unwrap();
    assert_eq!(kafka("").delivery, DeliveryMode::AtLeastOnce);
    let largest = kafka("delivery = \"transactional\"\ntransaction_timeout = \"15m\"\ncommit_interval = \"5s\"");
    assert_eq!(largest.delivery, DeliveryMode::Transactional);
    assert_eq!(largest.commit_interval, std::time::Duration::from_secs(5));
    for (lines, word) in [
        ("delivery = \"exactly-once\"", "at-least-once"),
        ("delivery = \"transactional\"\ntransaction_timeout = \"9s\"", "10s to 15m"),
        ("delivery = \"transactional\"\ntransaction_timeout = \"16m\"", "10s to 15m"),
        ("delivery = \"transactional\"\ncommit_interval = \"6s\"", "at most 5s"),
    ] {
        let found = faults(&table(lines));
        assert!(found.iter().any(|fault| fault.contains(word)), "{lines}: {found:?}");
    }
}

#[test]
fn a_client_with_a_token_key_file_is_for_the_login_of_a_user() {
    let directory = tempfile::tempdir().unwrap();
    let text = with_smart_me(directory.path(), "");
    let with = |lines: &str| {
        let table = text.rsplit_once("api_key_file").unwrap().0;
        let secret = directory.path().join("key").display().to_string();
        format!("{table}{}", lines.replace("SECRET", &format!("client_secret_file = {secret:?}")))
    };
    for (lines, has_secret) in [("token_key_file = \"/not/there\"", false), ("token_key_file = \"k\"\nSECRET", true)] {
        let config = config(&with(&format!("client_id = \"x\"\n{lines}")));
        let Login::User { secret, scopes, .. } = &config.smart_me().next().unwrap().login else { panic!("{lines}") };
        assert_eq!((secret.is_some(), scopes.len()), (has_secret, 2), "{lines}");
    }
    let partner = config(&with("client_id = \"x\"\nSECRET\npartner = true"));
    let Login::Client { scopes, .. } = &partner.smart_me().next().unwrap().login else { panic!("a client") };
    assert_eq!(scopes, &["device.read", "realtimeapi.readwrite", "partner.read"]);
    let client = config(&with("client_id = \"x\"\nSECRET"));
    assert!(matches!(client.smart_me().next().unwrap().login, Login::Client { .. }));
    for (lines, says) in [
        ("client_id = \"x\"", "needs client_secret_file, or"),
        ("token_key_file = \"k\"", "needs client_id"),
        ("client_id = \"x\"\ntoken_key_file = \"k\"\nclient_secret_file = \"/not/there\"", "cannot read"),
    ] {
        let found = faults(&with(lines));
        assert!(found.iter().any(|fault| fault.contains(says)), "{lines}: {found:?}");
    }
}

#[test]
fn during_a_rotation_the_previous_password_is_valid_too_and_a_third_pair_is_a_fault() {
    let directory = tempfile::tempdir().unwrap();
    let text = with_smart_me(directory.path(), "");
    assert_eq!(config(&text).webhook.accounts[0].credentials.len(), 1);
    std::fs::write(directory.path().join("password.before"), "hunter1").unwrap();
    assert_eq!(config(&text).webhook.accounts[0].credentials.len(), 2);
    let second =
        text.replace("username = \"u\"", "username = \"u\"\nsecond_username = \"v\"\nsecond_password_env = \"V\"");
    let environment = BTreeMap::from([("V".to_owned(), "hunter3".to_owned())]);
    let found = parse("m.toml", &second, &environment).unwrap_err().to_string();
    assert!(found.contains("finish it first") && !found.contains("hunter"), "{found}");
    std::fs::remove_file(directory.path().join("password.before")).unwrap();
    let config = parse("m.toml", &second, &environment).unwrap();
    assert_eq!(config.smart_me().next().unwrap().password, Err(NotRotatable::SecondPair));
}

#[test]
fn a_fault_brings_no_faults_that_only_follow_from_it() {
    let value = "[[json.value]]\npointer = \"/kwh\"\nobis = \"1.8.0\"\nunit = \"kWh\"\n";
    let account = "[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n";
    let point = "[[metering_point]]\nname = \"house-1\"\nmeters = [\"8d2f3c64-0c58-4a0e-9d1b-0b7a3f5f6f11\"]\n";
    let unreadable = "password_file = \"/not/there\"\n";
    for (text, key) in [
        // The login is missing only because its file is.
        (format!("{account}[[smart_me]]\naccount = \"a\"\napi_key_file = \"/not/there\"\n"), "api_key_file"),
        (format!("{account}[[smart_me]]\naccount = \"a\"\nusername = \"u\"\n{unreadable}"), "password_file"),
        (format!("{account}[[smart_me]]\naccount = \"a\"\nusername = \"u\"\n"), "username"),
        // The names of meters come from an account that cannot be read.
        (format!("{account}{point}[[smart_me]]\naccount = \"a\"\napi_key_file = \"/not/there\"\n"), "api_key_file"),
        // The account has no credentials only because its password cannot be read.
        (
            format!(
                "[webhook]\nlisten = \"0.0.0.0:8080\"\nbehind_proxy = [\"10.0.0.0/8\"]\n{account}\
                 username = \"u\"\n{unreadable}"
            ),
            "password_file",
        ),
        // The webhook account exists, but its table has a fault.
        (
            "[[webhook.account]]\nname = \"a\"\n[[smart_me]]\naccount = \"a\"\napi_key_env = \"KEY\"\npoll = \"watch\"\n"
                .to_owned(),
            "path",
        ),
        // There is TLS, but not complete.
        (
            format!(
                "[webhook]\nlisten = \"0.0.0.0:8443\"\n[webhook.tls]\ncertificate = \"/c.pem\"\n{account}\
                 username = \"u\"\npassword_env = \"KEY\"\n"
            ),
            "key",
        ),
        (format!("[[json]]\nname = \"c\"\nurl = \"http://a/\"\nusername = \"u\"\n{unreadable}{value}"), "password_file"),
        ("[[json]]\nname = \"c\"\nurl = \"http://a/\"\nvalue = 3\n".to_owned(), "value"),
        ("[journal]\nsegment = \"4GiB\"\n".to_owned(), "segment"),
    ] {
        let environment = BTreeMap::from([("KEY".to_owned(), "hunter2".to_owned())]);
        let found = parse("m.toml", &text, &environment).unwrap_err();
        assert!(found.0.len() == 1 && found.0[0].key.ends_with(key), "{text}:\n{found}");
    }
}

#[cfg(all(feature = "questdb", feature = "kafka"))]
#[test]
fn an_unreadable_secret_of_a_sink_is_one_fault() {
    for table in [
        "[sink.questdb]\nurl = \"http://q:9000\"\nusername = \"u\"\n",
        "[sink.kafka]\nbrokers = \"k:9092\"\nsecurity = \"sasl_tls\"\nusername = \"u\"\n",
    ] {
        let found = faults(&format!("{table}password_file = \"/not/there\"\n"));
        assert!(found.len() == 1 && found[0].contains("/not/there"), "{found:?}");
    }
}

#[test]
fn the_open_account_is_there_only_without_any_other_source() {
    let device = "[[json]]\nname = \"c\"\nurl = \"http://a/\"\n\
                  [[json.value]]\npointer = \"/kwh\"\nobis = \"1.8.0\"\nunit = \"kWh\"\n";
    let account = "[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n";
    let accounts = |text: &str| config(text).webhook.accounts.len();
    assert_eq!([accounts(""), accounts("[webhook]\n"), accounts(device)], [1, 1, 0]);
    assert_eq!(accounts(&format!("{account}{device}")), 1);
    for meter in [
        "[[p1]]\nname = \"c\"\naddress = \"a:1\"\n",
        "[[dsmr_logger]]\nname = \"c\"\nurl = \"http://a\"\n",
        "[[em300]]\nname = \"c\"\nurl = \"http://a\"\n",
        "[[mqtt]]\nname = \"c\"\nurl = \"mqtt://a:1\"\n[[mqtt.dsmr_logger]]\nname = \"d\"\ntopic = \"t\"\n",
    ] {
        assert_eq!(accounts(meter), 0, "{meter}");
    }
    assert!(!config(device).webhook.is_listening());
    assert!(!config(&format!("[webhook]\nlisten = \"0.0.0.0:8080\"\n{device}")).webhook.is_listening());
}

#[test]
fn invalid_toml_is_one_fault_with_its_line() {
    let found = faults("[webhook]\nlisten = \n");
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("m.toml:2: syntax: invalid TOML"), "{found:?}");
}

/// The example with all tables and keys enabled and its secrets in a directory.
#[cfg(all(feature = "sqlite", feature = "questdb", feature = "kafka"))]
fn whole_example(secrets: &Path) -> String {
    let (mut text, mut is_smart_me) = (String::new(), false);
    for line in EXAMPLE.lines() {
        let key = line.strip_prefix("# ").filter(|rest| {
            rest.split_once(" = ")
                .is_some_and(|(key, _)| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_'))
        });
        let of_a_table = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
        let line = key.or(of_a_table).unwrap_or(line);
        if line.starts_with("token_file") {
            continue; // a token excludes a user name and password
        }
        if line.starts_with("username_file") {
            continue; // it excludes a user name
        }
        if line.starts_with("cloud = ") {
            text.push_str("cloud = true\n"); // location_number needs it
            continue;
        }
        is_smart_me = if line.starts_with("[[") { line.starts_with("[[smart_me") } else { is_smart_me };
        if is_smart_me && (line.starts_with("client_") || line.starts_with("token_key_file")) {
            continue; // an API key excludes a client
        }
        if line.starts_with("required = ") {
            text.push_str("required = false\n"); // max_lag needs it
            continue;
        }
        if line.starts_with("security = ") {
            text.push_str("security = \"sasl_tls\"\n"); // the user name needs it
            continue;
        }
        text.push_str(&line.replace("/etc/meterline", &secrets.display().to_string()));
        text.push('\n');
    }
    text
}

#[test]
#[cfg(all(feature = "sqlite", feature = "questdb", feature = "kafka"))]
fn the_example_is_valid_with_all_its_keys() {
    let directory = tempfile::tempdir().unwrap();
    let secrets = EXAMPLE.split("/etc/meterline/").skip(1).filter_map(|rest| rest.split('"').next());
    for name in secrets {
        std::fs::write(directory.path().join(name), "0".repeat(32)).unwrap();
    }
    let authority = rcgen::generate_simple_self_signed(["example.org".to_owned()]).unwrap().cert.pem();
    for name in ["ca.pem", "kafka-ca.pem"] {
        std::fs::write(directory.path().join(name), &authority).unwrap();
    }
    let pair = rcgen::generate_simple_self_signed(["example.org".to_owned()]).unwrap();
    let location = "5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11".to_owned();
    for (name, text) in
        [("client.pem", pair.cert.pem()), ("client.key", pair.signing_key.serialize_pem()), ("location", location)]
    {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    // It shows each way of the admin pages, and a file has one of them.
    let mut text = whole_example(directory.path());
    for other in ["behind_proxy = [\"10.0.0.5\"]", "plain_http_networks"] {
        assert!(text.contains(other));
        text = text.replace(other, &format!("# {other}"));
    }
    // It shows the default and the keys of the other delivery.
    text = text.replace("delivery = \"at-least-once\"", "delivery = \"transactional\"");
    let context = Context::new("example", &text, &NO_ENVIRONMENT);
    let table = DeTable::parse(&text).unwrap();
    read(Section::root(&context, table.get_ref()), &mut Vec::new());
    let faults = context.into_faults();
    assert!(faults.0.is_empty(), "{faults}");
}

#[test]
fn a_device_that_can_only_fail_is_a_fault() {
    let device = |lines: &str| {
        format!(
            "[[json]]\nname = \"a\"\n{lines}\n[[json.value]]\npointer = \"/kwh\"\nobis = \"1.8.0\"\nunit = \"kWh\"\n"
        )
    };
    assert_eq!(config(&device("url = \"tcp://127.0.0.1:8880\"")).sources.len(), 1);
    for (lines, says) in [
        ("url = \"http://a/status\"\ntime = \"at\"", "begins with '/'"),
        ("url = \"tcp://127.0.0.1:1\"\nusername = \"u\"\npassword_env = \"SECRET\"", "has no login"),
        ("url = \"http://a/\"\nusername = \"u:v\"\npassword_env = \"SECRET\"", "colon"),
        ("url = \"ftp://a/status\"", "must be like"),
        ("url = \"http://a/status\"\nevery = \"10ms\"", "must be at least"),
    ] {
        let environment = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
        let found = parse("m.toml", &device(lines), &environment).unwrap_err().to_string();
        assert!(found.contains(says), "{lines}: {found}");
    }
}

#[test]
fn the_key_of_smart_maics_cloud_is_a_secret_and_never_sent_in_the_clear() {
    let meter = |lines: &str| {
        let text =
            format!("[[smart_mac]]\nname = \"a\"\nurl = \"http://a\"\ndevid = \"1\"\npin_env = \"SECRET\"\n{lines}\n");
        let environment = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
        parse("m.toml", &text, &environment).map(|mut config| match config.sources.remove(0) {
            Source::SmartMac(meter) => meter,
            other => panic!("{other:?}"),
        })
    };
    assert!(meter("").unwrap().cloud.is_none());
    let found = meter("api_key_env = \"SECRET\"").unwrap();
    assert_eq!(
        found.cloud.as_ref().map(|cloud| cloud.url.to_string()).as_deref(),
        Some("https://dash.smart-maic.com/")
    );
    assert!(!format!("{found:?}").contains("hunter2"));
    assert!(meter("api_key_env = \"SECRET\"\ncloud_url = \"http://127.0.0.1:1\"").is_ok());
    for (lines, says) in [
        ("api_key = \"hunter2\"", "api_key_file"),
        ("api_key_env = \"SECRET\"\ncloud_url = \"http://dash.smart-maic.com\"", "https"),
        ("api_key_env = \"SECRET\"\ncloud_url = \"https://dash.smart-maic.com/api\"", "without path"),
    ] {
        let found = meter(lines).unwrap_err().to_string();
        assert!(found.contains(says) && !found.contains("hunter2"), "{lines}: {found}");
    }
}

#[test]
fn an_account_at_smappee_has_its_whole_login_and_is_not_polled_faster_than_its_rows() {
    let environment = BTreeMap::from([("SECRET".to_owned(), "hunter2".to_owned())]);
    let account = |lines: &str| {
        let text = format!(
            "[[smappee]]\nname = \"s\"\nclient_id = \"c\"\nclient_secret_env = \"SECRET\"\nusername = \"u\"\n\
             password_env = \"SECRET\"\ntoken_key_file = \"/k\"\n{lines}"
        );
        parse("m.toml", &text, &environment)
    };
    let config = account("").unwrap();
    assert_eq!(config.sources[0].table(), "smappee");
    assert!(!format!("{config:?}").contains("hunter2"));
    for (lines, says) in [
        ("every = \"1m\"", "at least 5m"),
        ("backfill = \"500d\"", "at most 399d"),
        ("locations = [\"a\"]", "numbers of service locations"),
        ("url = \"https://h/dev\"", "without path"),
    ] {
        let found = account(lines).unwrap_err().to_string();
        assert!(found.contains(says), "{lines}: {found}");
    }
    let found = faults("[[smappee]]\nname = \"s\"\nclient_id = \"c\"\nusername = \"u\"\ntoken_key_file = \"/k\"\n");
    assert!(found.len() == 2 && found.iter().all(|fault| fault.contains("is missing; name the file")), "{found:?}");
}

#[cfg(feature = "sqlite")]
#[test]
fn the_embedded_store_has_a_time_zone_that_the_system_knows() {
    let zone = |text: &str| config(text).sinks.sqlite.unwrap().time_zone;
    assert_eq!(zone("[sink.sqlite]\ntime_zone = \"Asia/Kathmandu\""), "Asia/Kathmandu");
    let faults = faults("[sink.sqlite]\ntime_zone = \"Mars/Olympus\"");
    assert!(faults.len() == 1 && faults[0].contains("'Mars/Olympus' is not a time zone of this system"), "{faults:?}");
}

#[cfg(feature = "sqlite")]
#[test]
fn the_embedded_store_keeps_no_less_than_can_be_meant() {
    let keep = config("[sink.sqlite]\nkeep = \"400d\"").sinks.sqlite.unwrap().retention.age;
    assert_eq!(keep, Some(std::time::Duration::from_hours(24 * 400)));
    for (lines, says) in [
        ("keep = \"5m\"", "must be at least one day"),
        ("keep_size = \"1MiB\"", "must be at least 256MiB"),
        ("keep_rollups = \"900d\"", "needs keep or keep_size"),
        ("keep = \"400d\"\nkeep_rollups = \"400d\"", "must be longer than keep"),
    ] {
        let faults = faults(&format!("[sink.sqlite]\n{lines}"));
        assert!(faults.len() == 1 && faults[0].contains(says), "{lines}: {faults:?}");
    }
}

#[test]
fn a_ksem_has_one_interface_and_no_topic_of_a_charging_station() {
    let environment = [("TOKEN".to_owned(), "hunter2".to_owned())].into_iter().collect();
    let device = |lines: &str| {
        parse(
            "m.toml",
            &format!("[[ksem]]\nname = \"a\"\nurl = \"http://a\"\ntoken_env = \"TOKEN\"\n{lines}\n"),
            &environment,
        )
    };
    for (valid, connections) in [
        ("device = \"local\"\nevery = \"5s\"", 1),
        ("interface = \"json\"", 1),
        ("interface = \"websocket\"", 2),
        ("interface = \"websocket\"\ntopics = [\"smart-meter\", \"kostal-energyflow/sumvalues\"]", 3),
    ] {
        assert_eq!(device(valid).unwrap().sources[0].connections_max(), connections, "{valid}");
    }
    for (lines, says) in [
        ("interface = \"modbus\"", "not one of json, websocket"),
        ("interface = \"websocket\"\nevery = \"5s\"", "is for interface = \"json\""),
        ("interface = \"websocket\"\ndevice = \"local\"", "is for interface = \"json\""),
        ("topics = [\"smart-meter\"]", "needs interface = \"websocket\""),
        ("interface = \"websocket\"\ntopics = []", "is empty"),
        ("interface = \"websocket\"\ntopics = [\"smart-meter\", \"smart-meter\"]", "twice"),
        ("interface = \"websocket\"\ntopics = [\"kostal/evse\"]", "stops controlling the station"),
        ("interface = \"websocket\"\ntopics = [\"../e-mobility/state\"]", "stops controlling the station"),
        ("interface = \"websocket\"\ntopics = [\"inverter\"]", "is not one of smart-meter"),
        ("device = \"../x\"", "letters, digits"),
        ("every = \"100ms\"", "at least 1s"),
    ] {
        let found = device(lines).unwrap_err().to_string();
        assert!(found.contains(says) && found.lines().count() == 1, "{lines}: {found}");
    }
}

#[test]
fn the_ratios_of_transformers_are_numbers_above_0_up_to_10_000() {
    let tables = [
        "[[p1]]\nname = \"a\"\naddress = \"a:1\"\n",
        "[[dsmr_logger]]\nname = \"a\"\nurl = \"http://a\"\n",
        "[[mqtt]]\nname = \"b\"\nurl = \"mqtt://a\"\n[[mqtt.dsmr_logger]]\nname = \"a\"\ntopic = \"t\"\n",
    ];
    for table in tables {
        let with = |lines: &str| format!("{table}{lines}\n");
        assert!(config(&with("current_factor = 60\nvoltage_factor = 0.5")).sources.len() == 1);
        for line in [
            "current_factor = 0",
            "voltage_factor = -200",
            "current_factor = nan",
            "voltage_factor = inf",
            "current_factor = 10001",
        ] {
            let found = faults(&with(line));
            assert!(found.len() == 1 && found[0].contains("a number"), "{line}: {found:?}");
        }
    }
}

#[test]
fn the_analog_input_of_a_smart_maic_has_a_known_unit_and_a_factor() {
    let tables = [
        ("[[smart_mac]]\nname = \"a\"\nurl = \"http://a\"\ndevid = \"1\"\npin_file = \"/dev/null\"\n", "smart_mac"),
        ("[[mqtt]]\nname = \"b\"\nurl = \"mqtt://a\"\n[[mqtt.smart_mac]]\ndevid = \"1\"\n", "mqtt.smart_mac"),
    ];
    for (table, key) in tables {
        let others = faults(table).len();
        let faults_of = |lines: &str| faults(&format!("{table}[{key}.analog]\n{lines}\n"));
        assert_eq!(faults_of("unit = \"bar\"\nfactor = 0.01").len(), others);
        assert_eq!(faults_of("unit = \"%\"").len(), others);
        for (lines, says) in [
            ("factor = 2", "analog.unit"),
            ("unit = \"psi\"", "must be one of pressure, level"),
            ("unit = \"kWh\"", "must be one of pressure, level"),
            ("unit = \"bar\"\nfactor = 0", "must not be 0"),
            ("unit = \"bar\"\nfactor = 1e308", "not too large"),
        ] {
            let found = faults_of(lines);
            assert!(found.len() == others + 1 && found.iter().any(|it| it.contains(says)), "{lines}: {found:?}");
        }
    }
}

#[test]
fn a_p1_meter_has_one_address() {
    let faults_of = |lines: &str| faults(&format!("[[p1]]\nname = \"a\"\n{lines}\n"));
    assert!(config("[[p1]]\nname = \"a\"\nurl = \"wss://a/p1?x=1\"\n").sources.len() == 1);
    for (lines, says) in [
        ("", "is required, for example: address = "),
        ("address = \"a\"", "must be a host and a port"),
        ("address = \"a:1\"\nurl = \"ws://a\"", "together with address"),
        ("url = \"http://a\"", "must be the address of a WebSocket"),
        ("url = \"ws://u:p@a\"", "must be the address of a WebSocket"),
        ("url = 3", "url"),
    ] {
        let found = faults_of(lines);
        assert!(found.len() == 1 && found[0].contains(says), "{lines}: {found:?}");
    }
}

#[cfg(all(feature = "questdb", feature = "kafka"))]
mod kafka_log {
    use super::*;

    const QUESTDB: &str = "[sink.questdb]\nurl = \"http://q:9000\"\n";
    const KAFKA: &str = "[sink.kafka]\nbrokers = \"k:9092\"\n";

    fn log(lines: &str) -> String {
        format!("[kafka_log]\nbrokers = \"k:9092\"\n{lines}\n")
    }

    #[test]
    fn a_writer_needs_brokers_and_questdb_and_has_no_account_of_its_own() {
        let config = config(&(log("") + QUESTDB));
        assert!(!config.webhook.is_listening());
        assert!(config.sinks.sqlite.is_none());
        let log = config.sinks.kafka_log.unwrap();
        assert_eq!((log.topics.readings.as_str(), log.group.as_str()), ("meterline.readings", "meterline"));
        assert_eq!(log.topics.meters.as_deref(), Some("meterline.readings-meters"));
        assert_eq!((log.member, log.session_timeout), (None, Duration::from_secs(45)));
    }

    #[test]
    fn every_key_is_taken() {
        let lines = "topic = \"t\"\nmeters_topic = \"\"\ngroup = \"g\"\nmember = \"m\"\nsession_timeout = \"6s\"\n\
                     security = \"sasl_tls\"\nusername = \"u\"\npassword_env = \"P\"";
        let environment = BTreeMap::from([("P".to_owned(), "hunter2".to_owned())]);
        let config = parse("m.toml", &(log(lines) + QUESTDB), &environment).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let log = config.sinks.kafka_log.unwrap();
        assert_eq!((log.topics.readings.as_str(), log.topics.meters), ("t", None));
        assert_eq!((log.group.as_str(), log.member.as_deref()), ("g", Some("m")));
        assert_eq!(log.session_timeout, Duration::from_secs(6));
        assert!(log.kafka.tls.is_some() && log.kafka.sasl.is_some());
    }

    #[test]
    fn what_cannot_work_is_one_fault_that_says_why() {
        let account = "[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n";
        for (text, says) in [
            (format!("{QUESTDB}[kafka_log]\n"), "kafka_log.brokers: is required"),
            (log(""), "needs [sink.questdb]"),
            (log("") + KAFKA, "needs [sink.questdb]"),
            (log("") + QUESTDB + "required = false\n", "required = false does not apply"),
            (log("") + QUESTDB + account, "add [sink.kafka]"),
            (log("topic = \"meterline.readings-meters\"") + QUESTDB + KAFKA, "the one of the meter descriptions"),
            (log("topic = \"t\"\nmeters_topic = \"t\"") + QUESTDB, "must not be the topic of the readings"),
            (log("session_timeout = \"5s\"") + QUESTDB, "from 6s to 30m"),
            (log("session_timeout = \"31m\"") + QUESTDB, "from 6s to 30m"),
            (log("") + QUESTDB + "timeout = \"31s\"\n", "at most 30s"),
            (log("group = \"\"") + QUESTDB, "kafka_log.group: must not be empty"),
            (log("member = \"\"") + QUESTDB, "kafka_log.member: must not be empty"),
            (log("security = \"sasl_tls\"") + QUESTDB, "SASL needs username"),
        ] {
            let found = faults(&text);
            assert!(found.len() == 1 && found[0].contains(says), "{text}:\n{found:#?}");
        }
        assert_eq!(faults(&(log("") + QUESTDB + KAFKA + account)), [""; 0], "a node can do both");
    }
}
