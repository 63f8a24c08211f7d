//! The key `ca_file`, the same for every client: a PEM file with the certificate authorities
//! that are trusted instead of the built-in ones.

use super::section::Section;
use crate::base::file::read;
use crate::http::CaFile;
use std::path::PathBuf;

/// The maximum size of the file; a file of all public authorities has a quarter of it.
const BYTES_MAX: u64 = 1 << 20;

/// Reads the file, if one is named.
pub(super) fn ca_file(section: &mut Section<'_>) -> Option<CaFile> {
    let path: PathBuf = section.get("ca_file")?;
    let shown = path.display().to_string();
    let pem = match read(&path, BYTES_MAX) {
        Ok(pem) => pem,
        Err(error) => {
            section.fault("ca_file", format!("cannot read {shown}: {error}"));
            return None;
        }
    };
    section.note_content("ca_file", &pem);
    CaFile::parse(path, &pem).map_err(|why| section.fault("ca_file", format!("the file {shown} {why}"))).ok()
}

#[cfg(test)]
mod tests {
    use crate::config::parse;

    /// The faults of a configuration whose every client names this file.
    fn faults(path: &str) -> String {
        let text = format!(
            "[[smart_me]]\naccount = \"a\"\napi_key_env = \"KEY\"\npoll = \"store\"\nca_file = {path:?}\n\
             [[json]]\nname = \"b\"\nurl = \"https://127.0.0.1/\"\nca_file = {path:?}\n\
             [[json.value]]\npointer = \"/x\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n\
             [sink.questdb]\nurl = \"https://127.0.0.1:9000\"\nca_file = {path:?}\n\
             [sink.kafka]\nbrokers = \"127.0.0.1:9092\"\nsecurity = \"tls\"\nca_file = {path:?}\n"
        );
        let environment = [("KEY".to_owned(), "key".to_owned())].into_iter().collect();
        parse("m.toml", &text, &environment).err().map(|faults| faults.to_string()).unwrap_or_default()
    }

    #[cfg(all(feature = "questdb", feature = "kafka"))]
    #[test]
    fn every_client_takes_a_ca_file_and_refuses_one_that_it_cannot_use() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ca.pem");
        let path = path.to_str().unwrap();
        let missing = faults(path);
        assert_eq!(missing.matches("cannot read").count(), 4, "{missing}");
        std::fs::write(path, "no certificate").unwrap();
        let empty = faults(path);
        assert_eq!(empty.matches("has no certificate").count(), 4, "{empty}");
        let certificate = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
        std::fs::write(path, certificate).unwrap();
        assert_eq!(faults(path), "");
    }
}
