//! `key=value` folders.

use std::path::Path;

use crate::store::Place;

/// What a folder says for NULL.
pub(crate) const NULL_FOLDER: &str = "__HIVE_DEFAULT_PARTITION__";

/// `key=value` folders of a path, outermost first, the values as they are written.
pub(super) fn of(place: &Place) -> Vec<(String, String)> {
    match place {
        Place::File(path) => of_path(path),
        Place::Object(object) => of_path(Path::new(object.key())),
    }
}

/// The same of a path of this machine.
pub(crate) fn of_path(path: &Path) -> Vec<(String, String)> {
    let folders = path.parent().into_iter().flat_map(Path::components);
    folders
        .filter_map(|part| part.as_os_str().to_str()?.split_once('='))
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (decoded(key), value.to_owned()))
        .collect()
}

/// The value of a key of `hive`; `None` for NULL, and where there is no such key. The innermost folder says it.
pub(crate) fn hive_value(hive: &[(String, String)], key: &str) -> Option<String> {
    let (_, value) = hive.iter().rev().find(|(name, _)| name == key)?;
    hive_text(value)
}

/// The value that a folder writes as `value`; `None` for NULL.
pub(crate) fn hive_text(value: &str) -> Option<String> {
    (value != NULL_FOLDER).then(|| decoded(value))
}

/// The value as a folder writes it, which [`hive_text`] reads.
pub(super) fn written(value: Option<&str>) -> String {
    match value {
        None => NULL_FOLDER.to_owned(),
        Some(NULL_FOLDER) => NULL_FOLDER.replacen('_', "%5F", 1),
        Some(text) => text.replace('%', "%25").replace('/', "%2F"),
    }
}

/// The folder of a key with a value as it is written.
pub(crate) fn hive_folder(key: &str, written: &str) -> String {
    let key = key.replace('%', "%25").replace('/', "%2F").replace('=', "%3D");
    format!("{key}={written}")
}

/// Text without its percent escapes; escapes that are none stay.
pub(super) fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let hex = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
        match after {
            [high, low, beyond @ ..] if *first == b'%' => {
                if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                    bytes.push(high << 4 | low);
                    rest = beyond;
                    continue;
                }
                bytes.push(*first);
            }
            _ => bytes.push(*first),
        }
        rest = after;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_decoded_once_and_the_default_partition_is_null() {
        for (written, value) in [
            ("a%2Fb", Some("a/b")),
            ("100%25", Some("100%")),
            ("%2525", Some("%25")),
            ("5%", Some("5%")),
            ("%zz", Some("%zz")),
            ("%ff", Some("%ff")),
            ("z%C3%BCri", Some("züri")),
            ("", Some("")),
            ("__HIVE_DEFAULT_PARTITION__", None),
        ] {
            assert_eq!(hive_text(written).as_deref(), value, "{written}");
        }
        for value in [None, Some("a%2Fb"), Some("a/b"), Some(""), Some(NULL_FOLDER), Some("5%")] {
            assert_eq!(hive_text(&written(value)).as_deref(), value, "{value:?}");
            let path = format!("{}/x", hive_folder("a=b/%", &written(value)));
            assert_eq!(hive_value(&of_path(Path::new(&path)), "a=b/%").as_deref(), value, "{path}");
        }
        let hive = of(&Place::File("d/my%20key=a=b/k=1/k=2/x.parquet".into()));
        assert_eq!(hive_value(&hive, "my key").as_deref(), Some("a=b"));
        assert_eq!(hive_value(&hive, "k").as_deref(), Some("2"));
        assert_eq!(hive_value(&hive, "no"), None);
    }
}
