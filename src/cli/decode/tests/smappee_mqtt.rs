//! Messages of Smappee's monitors: every fixture has its expected output beside it.

use super::{json, shown};
use crate::vendor::smappee::{Document, Topic, with_document};
use std::fs;
use std::path::{Path, PathBuf};

const UUID: &str = "0b9fd2f6-1c57-4e0e-9a52-6f4c2f0c7a11";
/// In the vendor's own example.
const UUID_OF_THE_DOCUMENT: &str = "a02e00de-b589-11e7-bebe-0221c2cd44f5";
/// Files that are the configuration of their folder.
const CONFIGURATION: [&str; 6] =
    ["config", "channelConfig", "channelConfigV2", "sensorConfig", "homeControlConfig", "meteringConfiguration"];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/smappee")
}

fn context(folder: &Path) -> Vec<Vec<u8>> {
    CONFIGURATION.iter().filter_map(|name| fs::read(folder.join(format!("{name}.json"))).ok()).collect()
}

/// Folder, file and topic of every fixture.
fn all() -> Vec<(PathBuf, PathBuf, String)> {
    let mut found = Vec::new();
    for folder in fs::read_dir(fixtures()).unwrap().map(|folder| folder.unwrap().path()) {
        let uuid = if folder.ends_with("vendor-document") { UUID_OF_THE_DOCUMENT } else { UUID };
        for file in fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".json") else { continue };
            // A second message of a topic has a number.
            let rest = stem.split('-').next().unwrap().replace('.', "/");
            found.push((folder.clone(), file, format!("servicelocation/{uuid}/{rest}")));
        }
    }
    found
}

#[test]
fn every_message_of_the_fixtures_has_its_readings_and_shows_no_uuid() {
    let mut read = 0;
    for (folder, file, topic) in all() {
        let text = fs::read_to_string(&file).unwrap();
        let expected = fs::read_to_string(file.with_extension("expected")).unwrap_or_default();
        let edit = |options: &mut super::Options| {
            options.topics = vec![topic.clone()];
            options.context = context(&folder);
        };
        let (json, failure) = shown(&text, true, edit);
        assert!(failure.is_none(), "{}: {json}", file.display());
        let name = file.file_name().unwrap().to_string_lossy();
        let json = json.replace("\"file\":\"body\"", &format!("\"file\":\"{name}\""));
        assert!(json == expected, "{}: expected\n{expected}\nbut it is\n{json}", file.display());
        let (person, _) = shown(&text, false, edit);
        for shown in [json, person] {
            let shown = shown.to_lowercase();
            assert!(!shown.contains(UUID) && !shown.contains(UUID_OF_THE_DOCUMENT), "{}: {shown}", file.display());
        }
        read += 1;
    }
    assert!(read > 40, "{read} fixtures");
}

#[test]
fn a_hidden_topic_and_a_context_of_the_journal_give_the_same_readings() {
    let folder = fixtures().join("first-generation");
    let text = fs::read_to_string(folder.join("realtime.json")).unwrap();
    let topic = format!("servicelocation/{UUID}/realtime");
    let parts = [
        ("config", Document::Config),
        ("channelConfig", Document::ChannelConfig),
        ("sensorConfig", Document::SensorConfig),
    ];
    let bundle = parts.iter().fold(Vec::new(), |before, (name, document)| {
        with_document(&before, *document, &fs::read(folder.join(format!("{name}.json"))).unwrap()).unwrap()
    });
    let plain = shown(&text, true, |options| {
        options.topics = vec![topic.clone()];
        options.context = context(&folder);
    });
    let hidden = shown(&text, true, |options| {
        options.topics = Topic::hidden(&topic).into_iter().collect();
        options.context = vec![bundle];
    });
    assert!(plain.0 == hidden.0, "{}\n{}", plain.0, hidden.0);
    assert!(plain.0.contains("2004000731:ct:3"), "{}", plain.0);
}

#[test]
fn without_its_topic_a_message_asks_for_it_and_its_secret_is_not_printed() {
    let config = fs::read_to_string(fixtures().join("first-generation/config.json")).unwrap();
    for text in [config.clone(), format!("{config},"), format!("x{config}")] {
        for is_json in [true, false] {
            let (shown, failure) = shown(&text, is_json, |_| ());
            assert!(failure.is_some() && !shown.contains(UUID), "{shown}");
        }
    }
    let (lines, _) = json(&config);
    assert_eq!(lines[0]["error"], "the kind of the message is unknown: give its topic with --topic");
    let monitor = |rest: &str| format!("servicelocation/{UUID}/{rest}");
    for (topic, error) in [
        ("house/power".to_owned(), "the format is unknown: give it with --format"),
        (monitor("realtime"), "the answer is not a realtime message: it has neither channels nor voltages"),
        (monitor("plug/4/setstate"), "messages of this topic are not read"),
        (monitor("new"), "messages of this topic are not known"),
    ] {
        let (shown, failure) = shown("{}", true, |options| options.topics = vec![topic.clone()]);
        assert!(failure.is_some() && shown.contains(error), "{topic}: {shown}");
    }
    let (shown, failure) = shown("{}", true, |options| {
        options.topics = vec![monitor("realtime")];
        options.context = vec![b"{}".to_vec()];
    });
    assert!(failure.is_some() && shown.contains("the context cannot be used"), "{shown}");
}
