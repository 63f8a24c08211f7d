//! The frame of every view: policy, state, size.

use super::stage::Stage;
use super::status;
use crate::base::Level;

const VIEWS: [&str; 4] = ["/", "/meters", "/flow", "/trouble"];
/// Bytes of a page with its style and script.
const BYTES_MAX: usize = 120_000;
const SCRIPT_LINES_MAX: usize = 150;

#[test]
fn no_view_has_a_script_or_style_inside_and_the_policy_has_no_exception() {
    let stage = Stage::start();
    stage.power(7, 5.0);
    let meter = format!("/meter/{}", uuid::Uuid::from_u128(7));
    for path in VIEWS.into_iter().chain([meter.as_str()]) {
        let page = stage.get(path);
        assert_eq!(page.status, 200, "{path}");
        let policy = page.head.lines().find(|line| line.starts_with("content-security-policy: ")).unwrap();
        assert!(
            policy.contains("default-src 'none'") && !policy.contains("unsafe") && !policy.contains('*'),
            "{policy}"
        );
        for tag in page.tags() {
            let name = tag.split([' ', '\n']).next().unwrap();
            assert!(name != "style" && !tag.contains(" style=") && !tag.contains(" on"), "{path}: <{tag}>");
            assert!(name != "script" || tag.contains("src=\"/script.js\""), "{path}: <{tag}>");
            for link in ["src=\"", "href=\""] {
                let address = tag.split_once(link).map_or("/", |(_, rest)| rest);
                assert!(address.starts_with(['/', '#']) && !address.starts_with("//"), "{path}: <{tag}>");
            }
        }
    }
}

#[test]
fn the_state_is_a_mark_and_words_in_the_head_and_in_the_title_of_each_view() {
    let well = Stage::start();
    let troubled = Stage::with_status(|| {
        let mut status = status();
        status.sinks[0].state = "blocked";
        status.dead_letters.open.insert("set-aside".to_owned(), 3);
        status.trouble = crate::admin::troubles(&status);
        assert_eq!(status.trouble.level, Level::Fault);
        status
    });
    for path in VIEWS {
        let page = well.get(path).body;
        assert!(page.contains("<title>● ") && page.contains("</span> All well</a>"), "{page}");
        let page = troubled.get(path).body;
        assert!(page.contains("<title>▲ ") && page.contains("</span> 2 things need you</a>"), "{page}");
        assert!(page.contains("class=\"state bad\" href=\"/trouble\""), "{page}");
        assert_eq!(page.matches("aria-current=\"page\"").count(), 1, "{page}");
    }
}

#[test]
fn a_page_with_its_style_and_script_is_small() {
    let stage = Stage::start();
    for meter in 0..60 {
        stage.power(meter, 5.0);
    }
    let [page, style, script] = ["/", "/style.css", "/script.js"].map(|path| stage.get(path).body);
    let bytes = page.len() + style.len() + script.len();
    assert!(bytes <= BYTES_MAX, "{bytes} bytes: {} + {} + {}", page.len(), style.len(), script.len());
    assert!(script.lines().count() <= SCRIPT_LINES_MAX);
}
