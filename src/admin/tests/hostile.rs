//! Names that attack the page: through the running listener, no name becomes a part of the document.

use super::stage::{POWER, Page, Stage};
use crate::meters::TEXT_CHARS_MAX;
use crate::wire::meters::Description;
use std::time::Duration;
use uuid::Uuid;

const NAMES: [&str; 7] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "' onmouseover='alert(1)",
    "</title></textarea></svg><svg onload=alert(1)>",
    "\u{202e}gnp.exe\u{2066} \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
    "{{ 7 * 7 }}{% include \"/etc/passwd\" %}",
    "a,b\r\nSet-Cookie: x=1",
];

/// The tags without their attributes, in order: a name that becomes a tag changes them.
fn shape(page: &Page) -> Vec<String> {
    page.tags().iter().map(|tag| tag.split([' ', '\n']).next().unwrap().to_owned()).collect()
}

#[test]
fn hostile_names_are_texts_on_every_view_and_change_no_tag() {
    let id = Uuid::from_u128(1);
    let views = ["/", "/meters", "/?group=kind", &format!("/meter/{id}")].map(str::to_owned);
    let pages = |name: &str| {
        let stage = Stage::start();
        let serial = format!("{name}2");
        let description = Description {
            name: name.to_owned(),
            serial,
            site: name.to_owned(),
            vendor: name.to_owned(),
            ..Description::default()
        };
        stage.describe(1, description);
        stage.take(vec![stage.reading(1, Duration::ZERO, &[(POWER, 5.0)])]);
        let json = stage.get(&format!("/meter/{id}.json"));
        let parsed: serde_json::Value = serde_json::from_str(&json.body).unwrap();
        let kept: String = name.chars().take(TEXT_CHARS_MAX).collect();
        assert_eq!(parsed["name"], kept, "{}", json.body);
        assert!(json.head.contains("content-type: application/json") && json.head.contains("nosniff"), "{}", json.head);
        views.clone().map(|path| stage.get(&path))
    };
    let harmless = pages("Cellar").map(|page| shape(&page));
    for name in NAMES.into_iter().map(str::to_owned).chain(["W".repeat(10_000)]) {
        for (page, wanted) in pages(&name).iter().zip(&harmless) {
            assert_eq!(&shape(page), wanted, "{name}");
            assert!(!page.head.contains("set-cookie"), "{}", page.head);
            assert!(page.body.contains("<bdi>"), "names have a direction of their own");
        }
    }
}

#[test]
fn hostile_parameters_are_texts() {
    let stage = Stage::start();
    stage.power(1, 5.0);
    for value in ["%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "%FF%00", "'%3E%3Csvg/onload=alert(1)%3E"] {
        let query =
            format!("?search={value}&source={value}&kind={value}&page={value}&range={value}&from={value}&more={value}");
        for path in ["/", "/meters", &format!("/meter/{}", Uuid::from_u128(1))] {
            let page = stage.get(&format!("{path}{query}"));
            assert_eq!(page.status, 200);
            assert!(!page.body.contains("<script>") && !page.body.contains("<svg/"), "{}", page.body);
            page.tags();
        }
    }
}
