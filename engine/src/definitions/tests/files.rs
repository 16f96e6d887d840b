//! Files: which are read, and what is wrong with them.

use std::fs;
use std::path::PathBuf;

use super::super::{load, read};
use super::shown;

/// A folder of the test's own, gone with it.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("unskew-definitions-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn the_files_of_a_folder_are_merged() {
    let folder = Folder::new("merged");
    folder.write("b.yml", "entities: {b: {keys: {k: int64}}}");
    folder.write("a.yaml", "entities: {a: {keys: {k: int64}}}");
    folder.write("sub/c.yaml", "entities: {c: {keys: {k: int64}}}");
    folder.write(".hidden/d.yaml", "no: [");
    folder.write(".e.yaml", "no: [");
    folder.write("readme.md", "no");
    let names = read(&folder.0).unwrap().into_iter().map(|(path, _)| path.strip_prefix(&folder.0).unwrap().to_owned());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [PathBuf::from("a.yaml"), PathBuf::from("b.yml"), PathBuf::from("sub/c.yaml")]
    );
    assert_eq!(load(&folder.0).unwrap().entities.len(), 3);
    assert_eq!(load(&folder.0.join("a.yaml")).unwrap().entities.len(), 1);
}

#[test]
fn what_cannot_be_read() {
    let folder = Folder::new("unread");
    let path = folder.0.display();
    let errors = |path: PathBuf| shown(&load(&path).unwrap_err());
    assert_eq!(
        errors(folder.0.clone()),
        [format!("no definitions in `{path}`: there is no file named *.yaml or *.yml")]
    );
    assert!(errors(folder.0.join("nothing"))[0].starts_with(&format!("can't read `{path}/nothing`: ")));
    folder.write("a.yaml", b"entities:\n  \xc3\xbc\xff: {}");
    assert_eq!(errors(folder.0.clone()), [format!("{path}/a.yaml:2:4: the file is not UTF-8")]);
}
