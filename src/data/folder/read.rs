//! Reading a data set from a folder of class folders.

use std::path::{Path, PathBuf};

use image::{DynamicImage, GrayImage, RgbImage};

use super::decode::{decode, lies};
use super::fault::FORMATS;
use super::survey::{sentences, survey, Found, PassedOver, Reason};
use crate::data::dataset::Dataset;
use crate::data::images::Images;
use crate::data::resize::resize;
use crate::error::{Error, Result};
use crate::rng::TorchRng;
use crate::runtime::cancel;
use crate::runtime::memory::available_memory;
use crate::runtime::progress::{Progress, Unit};
use crate::util::files::read_regular;

/// How the files of a folder become images.
#[derive(Clone, Debug, PartialEq)]
pub struct FolderOptions {
    /// Height and width that every image is brought to, in pixels; its proportions are not kept.
    pub side: [usize; 2],
    /// Colour (three channels) or grey (one).
    pub colour: bool,
    /// The fraction of each class that is held out for testing where the folder has no part that is, from 0 to below 1.
    pub test_share: f64,
    /// Seed of the choice of those.
    pub seed: u64,
    /// What shows where an image is transparent: red, green and blue.
    pub background: [u8; 3],
    /// Passes over images that cannot be read, and counts them; otherwise the first one ends the reading.
    pub skip_broken: bool,
    /// Passes over classes without images, and says so; otherwise such a class is an error.
    pub skip_empty: bool,
}

impl Default for FolderOptions {
    /// 32 x 32, colour, a fifth held out, on white, and nothing that is broken or empty passed over.
    fn default() -> Self {
        FolderOptions {
            side: [32, 32],
            colour: true,
            test_share: 0.2,
            seed: 0,
            background: [255; 3],
            skip_broken: false,
            skip_empty: false,
        }
    }
}

/// More bytes than an image has.
pub(super) const MOST_BYTES: u64 = 512 << 20;

impl Dataset {
    /// A data set of one's own from a folder: `train/<class>/**` and `test/<class>/**` (or `val`), or only one of
    /// `train/<class>/**` and `<class>/**`, of which a fraction is held out for testing. Images are read whatever depth
    /// they lie at: PNG, JPEG, WebP, BMP, GIF (the first frame), TIFF and PNM, turned as their EXIF orientation says.
    /// Other files are passed over, and counted in lines of `progress`, which itself counts files. Classes are labelled in
    /// the order of their folders' names, of numbers where all are numbers.
    ///
    /// # Errors
    /// [`Error::Io`] when a folder or file cannot be read; [`Error::Format`], naming it, when a file is not the image
    /// its name says, when there are fewer than two class folders or more than 256, when one holds no images, or when
    /// a class is held out and not in `train`; [`Error::Parameter`] for options out of range, or images that do not fit
    /// into memory; [`Error::Interrupted`].
    pub fn from_folder(
        name: &str,
        folder: impl AsRef<Path>,
        options: &FolderOptions,
        progress: &dyn Progress,
    ) -> Result<Dataset> {
        let folder = folder.as_ref();
        let mut reading = Reading::of(folder, options)?;
        let (train, test) = reading.pixels(name, options, progress)?;
        if let Some(part) = &reading.found.held_out {
            progress.line(&format!("{name}: {} is held out for testing", part.display()));
        }
        for line in sentences(&reading.passed_over(folder)) {
            progress.line(&format!("{name}: {line}"));
        }
        let names: Vec<&str> = reading.found.classes.iter().map(|c| c.name.as_str()).collect();
        Ok(Dataset { place: folder.display().to_string(), ..Dataset::from_images(name, &names, train, test)? })
    }
}

/// One image file of a folder.
pub(super) struct File {
    pub path: PathBuf,
    pub label: u8,
}

/// A folder that has been looked through, with its files parted.
pub(super) struct Reading {
    pub found: Found,
    pub train: Vec<File>,
    pub test: Vec<File>,
}

impl Reading {
    pub fn of(folder: &Path, options: &FolderOptions) -> Result<Reading> {
        check(options)?;
        let found = survey(folder, options.skip_empty)?;
        let (mut train, mut test) = (Vec::new(), Vec::new());
        for (label, class) in found.classes.iter().enumerate() {
            let of_class = |files: Vec<PathBuf>| files.into_iter().map(move |path| File { path, label: label as u8 });
            if found.held_out.is_some() {
                train.extend(of_class(class.train.clone()));
                test.extend(of_class(class.test.clone()));
                continue;
            }
            let (kept, held) = hold_out(class.train.clone(), options);
            train.extend(of_class(kept));
            test.extend(of_class(held));
        }
        Ok(Reading { found, train, test })
    }

    /// What was passed over so far.
    pub fn passed_over(&self, folder: &Path) -> Vec<PassedOver> {
        let names: Vec<String> = self.found.classes.iter().map(|c| c.name.clone()).collect();
        self.found.passed_over.list(folder, &names)
    }

    fn pixels(&mut self, name: &str, options: &FolderOptions, progress: &dyn Progress) -> Result<(Images, Images)> {
        let count = self.train.len() + self.test.len();
        let channels = if options.colour { 3 } else { 1 };
        let size = channels * options.side[0] * options.side[1];
        if (count as u64).saturating_mul(size as u64) > available_memory() {
            let [height, width] = options.side;
            let found = format!("{height} x {width}, for {count} images");
            return Err(Error::parameter("side", "a height and width at which all images fit into memory", found));
        }
        progress.begin(&format!("reading {name}"), count as u64, Unit::Work);
        let train = self.part(true, options, progress);
        let both = train.and_then(|train| Ok((train, self.part(false, options, progress)?)));
        progress.end();
        both
    }

    fn part(&mut self, train: bool, options: &FolderOptions, progress: &dyn Progress) -> Result<Images> {
        let files = if train { &self.train } else { &self.test };
        let channels = if options.colour { 3 } else { 1 };
        let mut pixels = Vec::with_capacity(files.len() * channels * options.side[0] * options.side[1]);
        let mut labels = Vec::with_capacity(files.len());
        for file in files {
            cancel::check("reading images")?;
            match image(&file.path, options, &mut pixels) {
                Ok(()) => labels.push(file.label),
                Err(Error::Format { .. }) if options.skip_broken => {
                    let class = &self.found.classes[usize::from(file.label)].name;
                    self.found.passed_over.count(class, Reason::Broken, &file.path);
                }
                Err(error) => return Err(error),
            }
            progress.advance(1);
        }
        Images::from_bytes(pixels, labels, [channels, options.side[0], options.side[1]])
    }
}

fn check(options: &FolderOptions) -> Result<()> {
    if options.side.iter().any(|s| !(1..=4096).contains(s)) {
        return Err(Error::parameter("side", "a height and width from 1 to 4096", format!("{:?}", options.side)));
    }
    if !(0.0..1.0).contains(&options.test_share) {
        return Err(Error::parameter("test_share", "a fraction from 0 to below 1", options.test_share));
    }
    Ok(())
}

/// Parts the files of a class into those for training and those held out, both in the order of their names. At least
/// one is kept for training.
fn hold_out(files: Vec<PathBuf>, options: &FolderOptions) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let held = ((files.len() as f64 * options.test_share).round() as usize).min(files.len() - 1);
    let order = TorchRng::new(options.seed).randperm(files.len());
    let chosen: std::collections::HashSet<usize> = order.iter().take(held).map(|&i| i as usize).collect();
    let (mut kept, mut out) = (Vec::new(), Vec::new());
    for (i, file) in files.into_iter().enumerate() {
        if chosen.contains(&i) { &mut out } else { &mut kept }.push(file);
    }
    (kept, out)
}

/// Appends a file's image, channel by channel.
fn image(path: &Path, options: &FolderOptions, pixels: &mut Vec<u8>) -> Result<()> {
    let bytes = read_regular(path, MOST_BYTES)?;
    append(&bytes, path, options, pixels)
}

/// An image in colour or grey, brought to a height and width as Pillow does it, a channel at a time.
fn resized(image: DynamicImage, to: [usize; 2], colour: bool) -> Option<DynamicImage> {
    let from = [image.height(), image.width()].map(|n| n as usize);
    let [height, width] = to.map(|n| n as u32);
    if !colour {
        let grey = image.into_luma8();
        return GrayImage::from_raw(width, height, resize(grey.as_raw(), from, to)).map(DynamicImage::ImageLuma8);
    }
    let rgb = image.into_rgb8();
    if from == to {
        return Some(DynamicImage::ImageRgb8(rgb));
    }
    let mut mixed = vec![0u8; to[0] * to[1] * 3];
    for channel in 0..3 {
        let plane: Vec<u8> = rgb.pixels().map(|p| p.0[channel]).collect();
        resize(&plane, from, to).into_iter().enumerate().for_each(|(i, v)| mixed[3 * i + channel] = v);
    }
    RgbImage::from_raw(width, height, mixed).map(DynamicImage::ImageRgb8)
}

/// Appends an image of these bytes, which are those of `path`, channel by channel.
pub(super) fn append(bytes: &[u8], path: &Path, options: &FolderOptions, pixels: &mut Vec<u8>) -> Result<()> {
    let broken = |fault| Error::format(path, format!("an image ({FORMATS})"), format!("{fault}"));
    let (image, orientation) = decode(bytes, options.background).map_err(broken)?;
    let [height, width] = options.side;
    // Turned when it is small: a second copy of the whole image would take its memory once more.
    let side = if lies(orientation) { [width, height] } else { [height, width] };
    let lost = || Error::format(path, "an image that can be resized", "one that cannot");
    let mut image = resized(image, side, options.colour).ok_or_else(lost)?;
    image.apply_orientation(orientation);
    if options.colour {
        let rgb = image.to_rgb8();
        (0..3).for_each(|channel| pixels.extend(rgb.pixels().map(|p| p.0[channel])));
    } else {
        pixels.extend_from_slice(image.to_luma8().as_raw());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::progress::Silent;

    fn paint(path: &Path, [height, width]: [u32; 2], colour: [u8; 3]) {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        RgbImage::from_pixel(width, height, image::Rgb(colour)).save(path).unwrap();
    }

    #[test]
    fn class_folders_become_labels_and_a_share_is_held_out() {
        let dir = tempfile::tempdir().unwrap();
        for i in 0..10 {
            paint(&dir.path().join(format!("cat/{i}.png")), [8, 8], [200, i, 3]);
            paint(&dir.path().join(format!("ant/{i}.jpg")), [16, 12], [10, 20, 30]);
        }
        std::fs::write(dir.path().join("cat/notes.txt"), "not an image").unwrap();
        std::fs::create_dir(dir.path().join(".cache")).unwrap();
        let options = FolderOptions { side: [8, 8], ..FolderOptions::default() };
        let set = Dataset::from_folder("mine", dir.path(), &options, &Silent).unwrap();
        assert_eq!(
            (set.name.as_str(), set.class_names.as_slice()),
            ("mine", &["ant".to_owned(), "cat".to_owned()][..])
        );
        assert_eq!((set.train.len(), set.test.len(), set.train.shape), (16, 4, [3, 8, 8]));
        let cat = set.train.labels.iter().position(|&l| l == 1).unwrap();
        let image = set.train.image(cat);
        assert!(image[..64].iter().all(|&p| p == 200) && image[128..].iter().all(|&p| p == 3), "red first, blue last");
        let again = Dataset::from_folder("mine", dir.path(), &options, &Silent).unwrap();
        assert_eq!(set.test.pixels, again.test.pixels);
        // The same below a folder `train` that has no `test` beside it.
        let other = tempfile::tempdir().unwrap();
        std::fs::create_dir(other.path().join("train")).unwrap();
        for class in ["cat", "ant"] {
            std::fs::rename(dir.path().join(class), other.path().join("train").join(class)).unwrap();
        }
        let moved = Dataset::from_folder("mine", other.path(), &options, &Silent).unwrap();
        assert_eq!((moved.class_names, moved.test.pixels.clone()), (set.class_names.clone(), set.test.pixels.clone()));
        let grey = FolderOptions { colour: false, ..options };
        assert_eq!(Dataset::from_folder("mine", other.path(), &grey, &Silent).unwrap().train.shape, [1, 8, 8]);
    }

    #[test]
    fn train_and_test_folders_are_taken_as_they_are() {
        let dir = tempfile::tempdir().unwrap();
        for (place, count) in [("train/a", 3), ("train/b", 2), ("test/a", 1), ("test/b", 2)] {
            (0..count).for_each(|i| paint(&dir.path().join(format!("{place}/{i}.png")), [4, 4], [1, 2, 3]));
        }
        let options = FolderOptions { side: [4, 4], ..FolderOptions::default() };
        let load = || Dataset::from_folder("mine", dir.path(), &options, &Silent);
        let set = load().unwrap();
        assert_eq!((set.train.labels.as_slice(), set.test.labels.as_slice()), (&[0, 0, 0, 1, 1][..], &[0, 1, 1][..]));
        paint(&dir.path().join("test/c/0.png"), [4, 4], [0; 3]);
        assert!(load().unwrap_err().to_string().contains("in `train` too"));
    }

    #[test]
    fn a_data_set_survives_being_written_as_a_folder() {
        let images = |labels: Vec<u8>| {
            let bytes = (0..labels.len() * 12).map(|i| (i * 7) as u8).collect();
            Images::from_bytes(bytes, labels, [3, 2, 2]).unwrap()
        };
        let set = Dataset::from_images("m", &["a", "b"], images(vec![0, 0, 1, 1]), images(vec![0, 1])).unwrap();
        let dir = tempfile::tempdir().unwrap();
        set.save_folder(dir.path(), 10).unwrap();
        let options = FolderOptions { side: [2, 2], ..FolderOptions::default() };
        let read = Dataset::from_folder("m", dir.path(), &options, &Silent).unwrap();
        assert_eq!(
            (read.train, read.test, read.class_names),
            (set.train.clone(), set.test.clone(), set.class_names.clone())
        );
        let odd = Dataset { class_names: vec!["../a".into(), "b".into()], ..set };
        assert!(odd.save_folder(dir.path(), 1).unwrap_err().to_string().contains("`class_names`"));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let load = |options: &FolderOptions| Dataset::from_folder("mine", dir.path(), options, &Silent);
        let error = |options: &FolderOptions| load(options).unwrap_err().to_string();
        let options = FolderOptions::default();
        assert!(error(&options).contains("2 to 256 class folders"), "{}", error(&options));
        paint(&dir.path().join("a/0.png"), [4, 4], [0; 3]);
        std::fs::create_dir(dir.path().join("b")).unwrap();
        assert!(
            error(&options)
                .contains("/b: expected files of images (PNG, JPEG, WebP, BMP, GIF, TIFF or PNM), found none"),
            "{}",
            error(&options)
        );
        std::fs::write(dir.path().join("b/0.png"), "not one").unwrap();
        assert!(error(&options).contains("b/0.png: expected an image (PNG, JPEG"), "{}", error(&options));
        assert!(error(&FolderOptions { side: [0, 4], ..options.clone() }).contains("`side`"));
        assert!(error(&FolderOptions { test_share: 1.0, ..options }).contains("`test_share`"));
        assert!(load(&FolderOptions::default()).is_err());
        let images = |labels: Vec<u8>| Images::from_bytes(vec![0; labels.len() * 4], labels, [1, 2, 2]).unwrap();
        assert!(Images::from_bytes(vec![0; 3], vec![0], [1, 2, 2]).is_err());
        assert!(Images::from_bytes(vec![0; 8], vec![0], [2, 2, 2]).is_err());
        let make = |train, test| Dataset::from_images("m", &["a", "b"], images(train), images(test));
        assert!(make(vec![0, 2], vec![0]).unwrap_err().to_string().contains("label 2"));
        assert!(make(vec![0, 1], vec![]).is_err() && make(vec![0, 1], vec![1]).is_ok());
    }
}
