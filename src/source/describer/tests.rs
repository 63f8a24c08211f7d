//! Descriptions into a real journal.

use super::*;
use crate::source::Fact;
use crate::source::tests::fixture::Fixture;

fn described(name: &str, firmware: &str) -> Described {
    let description = Description { name: name.to_owned(), firmware: firmware.to_owned(), ..Description::default() };
    vec![(MeterId::named("p1", "E0042"), description)]
}

fn reporter(fixture: &Fixture) -> Reporter {
    fixture.sources.reporter("cellar", "played")
}

#[tokio::test]
async fn descriptions_are_recorded_once_and_again_when_they_change() {
    let fixture = Fixture::new();
    let (mut describer, mut reporter) = (fixture.describer("cellar"), reporter(&fixture));
    for _ in 0..3 {
        describer.describe(&mut reporter, || described("cellar", "1.1")).await;
    }
    let versions = fixture.versions();
    assert_eq!((versions.len(), versions[0].source.as_str()), (1, "cellar"));
    describer.describe(&mut reporter, || described("cellar", "1.2")).await;
    let firmware: Vec<_> = fixture.versions().into_iter().map(|it| (it.description.firmware, it.valid_to)).collect();
    let changed = firmware[1].1;
    assert_eq!(
        firmware,
        [("1.1".to_owned(), None), ("1.1".to_owned(), changed), ("1.2".to_owned(), None)],
        "the old version ends where the new one begins"
    );
    assert!(changed.is_some());
}

#[tokio::test]
async fn a_description_that_ingest_refuses_is_a_fact_and_recorded_later() {
    let fixture = Fixture::new();
    let (mut describer, mut reporter) = (fixture.describer("cellar"), reporter(&fixture));
    // A clock that is not set can judge no times.
    fixture.clock.set_offset(-Clock::system().now().0);
    describer.describe(&mut reporter, || described("cellar", "1.1")).await;
    reporter.report(crate::source::SourceState::Running, None);
    let why = fixture.fact("descriptions_error");
    assert!(matches!(&why, Some(Fact::Text(why)) if why.contains("clock")), "{why:?}");
    assert_eq!(fixture.versions(), []);
    fixture.clock.set_offset(0);
    describer.describe(&mut reporter, || described("cellar", "1.1")).await;
    reporter.report(crate::source::SourceState::Running, None);
    assert_eq!((fixture.versions().len(), fixture.fact("descriptions_error")), (1, None));
}
