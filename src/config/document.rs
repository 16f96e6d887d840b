//! `docs/configuration.md`, from `default.toml` and from what the readers of the values say is allowed.

use figment::Figment;

use super::known::{Key, Known};
use super::layers::allowed;
use super::problem::Problems;

const INTRODUCTION: &str = "\
# Configuration

<!-- Generated from config/default.toml; don't edit. To regenerate:
     cargo run --release -- check-config --document > docs/configuration.md -->

Every setting has a default. Layers are read in this order, and a later one wins:

1. `config/default.toml`, compiled into the binary;
2. the TOML file of `--config FILE`, of the same form, with only the keys that are to differ;
3. environment variables, named below;
4. flags such as `--address` and `--store`.

- An unknown key, an unknown variable that begins with `APP__` or a value that is not allowed stops the start, also where a later layer
  would win; all problems are reported at once, each with the layer that it came from.
- A secret can come from a file: add `_FILE` to its variable and set it to the path. One newline at the end of the file is left out.
  Variables for which that holds are written with `[_FILE]` at the end. `APP__STORE__PASSWORD` is short for `APP__STORE__REDIS__PASSWORD`.
- Relative paths start at the working directory of the process.
- `unskew-gateway check-config` prints the effective configuration with the layer of each value, and without secrets.
";

/// The text of `docs/configuration.md`.
///
/// # Errors
/// When the compiled-in `default.toml` is no TOML, which the tests rule out.
pub fn document() -> Result<String, Problems> {
    let known = Known::read().map_err(|problem| Problems::from(vec![problem]))?;
    let defaults = known.defaults().fold(Figment::new(), |tree, setting| tree.merge(&setting));
    let mut text = INTRODUCTION.to_owned();
    let mut section = "";
    for key in &known.keys {
        if key.section() != section {
            section = key.section();
            text.push_str(&format!(
                "\n## `[{section}]`\n\n| Key | Default | Meaning | Allowed | Variable |\n|---|---|---|---|---|\n"
            ));
        }
        let file = if key.is_secret() { "[_FILE]" } else { "" };
        text.push_str(&format!(
            "| `{}` | `{}` | {} | {} | `{}{file}` |\n",
            key.name(),
            default_of(key),
            cell(&key.comment),
            cell(&allowed(&defaults, key)),
            key.variable(),
        ));
    }
    Ok(text)
}

/// Defaults hold no secrets, and are shown as `default.toml` has them.
fn default_of(key: &Key) -> String {
    cell(&key.show(&key.default))
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
