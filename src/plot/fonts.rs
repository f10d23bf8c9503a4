//! The fonts that PNGs are drawn with: the compiled one, and for letters that it lacks those of the system.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use ab_glyph::{Font, FontRef};
use resvg::usvg::{fontdb, Options};

/// Font files larger than this are not looked into.
const MOST_BYTES: u64 = 64 << 20;
/// Folders in each other that are looked through for fonts.
const MOST_LEVELS: usize = 8;

/// What a drawing is turned into pixels with, and the letters in it that no font here has.
pub(super) fn options(svg: &str) -> (Options<'static>, Vec<char>) {
    let mut options = Options { fontdb: Arc::clone(compiled()), ..Options::default() };
    let mut missing: BTreeSet<char> =
        svg.chars().filter(|c| !c.is_ascii() && is_drawn(*c) && !in_compiled(*c)).collect();
    if !missing.is_empty() {
        let fonts = options.fontdb_mut();
        for file in folders().iter().flat_map(|folder| font_files(folder, 0)) {
            if missing.is_empty() {
                break;
            }
            let Ok(bytes) = std::fs::read(&file) else { continue };
            let has: Vec<char> = missing.iter().copied().filter(|&c| has_letter(&bytes, c)).collect();
            if !has.is_empty() {
                has.iter().for_each(|c| {
                    missing.remove(c);
                });
                fonts.load_font_data(bytes);
            }
        }
    }
    (options, missing.into_iter().collect())
}

/// Whether a character leaves ink or takes room: not what only says how others are to be set.
fn is_drawn(c: char) -> bool {
    !c.is_control()
        && !c.is_whitespace()
        && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}')
}

fn compiled() -> &'static Arc<fontdb::Database> {
    static FONTS: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    FONTS.get_or_init(|| {
        let mut fonts = fontdb::Database::new();
        fonts.load_font_data(dejavu::sans::regular().to_vec());
        fonts.load_font_data(dejavu::sans::bold().to_vec());
        fonts.set_sans_serif_family("DejaVu Sans");
        Arc::new(fonts)
    })
}

fn in_compiled(c: char) -> bool {
    has_letter(dejavu::sans::regular(), c)
}

/// Whether the first fonts of a file have a letter.
fn has_letter(file: &[u8], c: char) -> bool {
    // A collection holds a few; its first serves where any does.
    FontRef::try_from_slice_and_index(file, 0).is_ok_and(|font| font.glyph_id(c).0 != 0)
}

/// Where systems keep fonts.
fn folders() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let data = data.or_else(|| home.as_ref().map(|home| home.join(".local/share")));
    let own = [home.map(|home| home.join(".fonts")), data.map(|data| data.join("fonts"))];
    let shared = ["/usr/local/share/fonts", "/usr/share/fonts", "/System/Library/Fonts", "/Library/Fonts"];
    own.into_iter().flatten().chain(shared.map(PathBuf::from)).collect()
}

/// The font files below a folder, by name.
fn font_files(folder: &Path, level: usize) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut paths: Vec<PathBuf> = entries.collect();
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let Ok(meta) = std::fs::metadata(&path) else { continue };
        let ending = path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default();
        if meta.is_dir() && level < MOST_LEVELS {
            files.extend(font_files(&path, level + 1));
        } else if meta.is_file() && meta.len() <= MOST_BYTES && ["ttf", "otf", "ttc", "otc"].contains(&ending.as_str())
        {
            files.push(path);
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_of_the_compiled_font_need_no_other_and_those_of_none_are_said() {
        let (with, missing) = options("<text>Größe, ошибка, α ≤ β</text>");
        assert_eq!((with.fontdb.len(), missing), (compiled().len(), vec![]));
        // A code point for private use: no font of any script has it.
        let (_, missing) = options("<text>a\u{10fffd}\u{200b} b</text>");
        assert_eq!(missing, ['\u{10fffd}']);
    }

    #[test]
    fn a_font_is_looked_for_in_folders_and_asked_for_its_letters() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("truetype")).unwrap();
        std::fs::write(dir.path().join("truetype/a.TTF"), dejavu::sans::regular()).unwrap();
        std::fs::write(dir.path().join("b.txt"), "no font").unwrap();
        std::fs::write(dir.path().join("c.otf"), "broken").unwrap();
        let files = font_files(dir.path(), 0);
        assert_eq!(files.len(), 2);
        let has = files.iter().filter(|file| has_letter(&std::fs::read(file).unwrap(), 'ж')).count();
        assert_eq!(has, 1);
    }
}
