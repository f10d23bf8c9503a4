//! The settings of a study, named as in its result files, and checked before anything runs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Result};

/// The percentages of target data of every published sweep, as shares (1.0 is all of it).
pub const PERCENTAGES: [f64; 5] = [0.001, 0.01, 0.1, 0.5, 1.0];

/// More convolutions than any network has that can be trained.
pub const MAX_DEPTH: usize = 1000;
/// More weights than fit a study's networks: 4 GB of them.
const MAX_WEIGHTS: usize = 1 << 30;

/// How often a run is repeated at a percentage, as published: 25 up to 1%, 20 below 50%, else 5.
pub fn published_repeats(percentage: f64) -> u64 {
    match percentage {
        p if p <= 0.01 => 25,
        p if p < 0.5 => 20,
        _ => 5,
    }
}

/// The function after each convolution. Names are those of `torch.nn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Activation {
    #[default]
    ReLU,
    LeakyReLU,
    ReLU6,
    ELU,
    CELU,
    SELU,
    GELU,
    SiLU,
    Mish,
    Softplus,
    Hardswish,
    Sigmoid,
    Tanh,
}

impl Activation {
    /// Every activation.
    pub const ALL: [Activation; 13] = [
        Activation::ReLU,
        Activation::LeakyReLU,
        Activation::ReLU6,
        Activation::ELU,
        Activation::CELU,
        Activation::SELU,
        Activation::GELU,
        Activation::SiLU,
        Activation::Mish,
        Activation::Softplus,
        Activation::Hardswish,
        Activation::Sigmoid,
        Activation::Tanh,
    ];
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// Reads `ReLU` (in any case) or the form of result files, `<class 'torch.nn.modules.activation.ReLU'>`.
    fn from_str(s: &str) -> Result<Self> {
        let name = s.trim_start_matches("<class '").trim_end_matches("'>").rsplit('.').next().unwrap_or(s);
        Activation::ALL.into_iter().find(|a| a.to_string().eq_ignore_ascii_case(name)).ok_or_else(|| {
            let known = Activation::ALL.map(|a| a.to_string()).join(", ");
            Error::parameter("activation_function", format!("one of {known}"), s)
        })
    }
}

impl Serialize for Activation {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&format!("<class 'torch.nn.modules.activation.{self}'>"))
    }
}

impl<'de> Deserialize<'de> for Activation {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Where tensors live and are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// The first GPU when libtorch sees one, else the CPU.
    #[default]
    Auto,
    /// The CPU, where the same seeds give PyTorch's numbers to the last digit.
    Cpu,
    /// One GPU, by its number.
    Cuda(usize),
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Device::Auto => f.write_str("auto"),
            Device::Cpu => f.write_str("cpu"),
            Device::Cuda(n) => write!(f, "cuda:{n}"),
        }
    }
}

impl FromStr for Device {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "auto" => Ok(Device::Auto),
            "cpu" => Ok(Device::Cpu),
            "cuda" => Ok(Device::Cuda(0)),
            _ => (s.strip_prefix("cuda:").and_then(|n| n.parse().ok()).map(Device::Cuda))
                .ok_or_else(|| Error::parameter("device", "auto, cpu or cuda:N", s)),
        }
    }
}

/// Which pictures a test accuracy is measured on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TestSplit {
    /// The data set's test files, which training never sees.
    #[default]
    Test,
    /// The training files' pictures of the task's classes, those trained on included: what the published results
    /// measured. It flatters every number, and is here for comparison with them.
    Published,
}

impl fmt::Display for TestSplit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TestSplit::Test => "test",
            TestSplit::Published => "published",
        })
    }
}

impl FromStr for TestSplit {
    type Err = Error;

    fn from_str(s: &str) -> Result<Self> {
        match s {
            "test" => Ok(TestSplit::Test),
            "published" | "train" => Ok(TestSplit::Published),
            _ => Err(Error::parameter("test_split", "test or published", s)),
        }
    }
}

/// What happens to the layers before and after the cut. The short name is used in file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Setting {
    /// Freeze before the cut, re-initialise and train after it.
    FR,
    /// Freeze before the cut, keep and train after it.
    F,
    /// Keep and train before the cut, re-initialise and train after it.
    R,
    /// Keep and train everything.
    #[serde(rename = "--")]
    Keep,
    /// Freeze before the cut, remove what is after it.
    FT,
}

impl Setting {
    /// All five settings.
    pub const ALL: [Setting; 5] = [Setting::FR, Setting::F, Setting::R, Setting::Keep, Setting::FT];

    /// Layers before the cut take no gradient.
    pub fn freeze(self) -> bool {
        matches!(self, Setting::FR | Setting::F | Setting::FT)
    }

    /// Layers after the cut get new weights.
    pub fn reinit(self) -> bool {
        matches!(self, Setting::FR | Setting::R | Setting::FT)
    }

    /// Layers after the cut are removed.
    pub fn truncate(self) -> bool {
        self == Setting::FT
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Setting::FR => "FR",
            Setting::F => "F",
            Setting::R => "R",
            Setting::Keep => "--",
            Setting::FT => "FT",
        })
    }
}

impl FromStr for Setting {
    type Err = Error;

    /// Reads a short name; `none` stands for `--`, which a command line cannot pass well.
    fn from_str(s: &str) -> Result<Self> {
        match s {
            "FR" => Ok(Setting::FR),
            "F" => Ok(Setting::F),
            "R" => Ok(Setting::R),
            "none" | "--" => Ok(Setting::Keep),
            "FT" => Ok(Setting::FT),
            _ => Err(Error::parameter("setting", "one of FR, F, R, none, FT", s)),
        }
    }
}

/// The settings of a study. Field names are those of the result files; [`Params::default`] has the study's values.
///
/// ```
/// use cutpoint::params::Params;
/// let params = Params { fine_tune_classes: vec![5, 7, 9], batch_size: 4096, ..Params::default() };
/// params.check()?;
/// let error = Params { kernel_size: 0, ..params }.check().unwrap_err();
/// assert_eq!(error.to_string(), "parameter `kernel_size`: expected at least 1, found 0");
/// # Ok::<(), cutpoint::error::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Params {
    /// Convolutions in the source network.
    pub depth: usize,
    /// Channels of every convolution's output.
    pub num_channels: usize,
    /// A hidden linear layer (and its activation) before the last one.
    pub two_linear_layers: bool,
    /// Units of that hidden layer.
    pub hidden_dim_lin: usize,
    /// The function after each convolution, and after the hidden linear layer.
    pub activation_function: Activation,
    /// Width and height of the convolution windows, in pixels; padding is half of it, rounded down.
    pub kernel_size: usize,
    /// Adam's learning rate in pre-training.
    pub lr_pretrain: f64,
    /// Adam's learning rate in fine-tuning.
    pub lr_fine_tune: f64,
    /// Epochs, at most.
    pub num_train: usize,
    /// Epochs without a better validation accuracy before training stops; `None`: no early stopping.
    pub early_stop_patience: Option<usize>,
    /// Also write the weights that were best on the validation set.
    pub save_best: bool,
    /// Write a checkpoint after every epoch.
    pub save_checkpoints: bool,
    /// The network is convolutional. The only kind there is; kept because the result files have it.
    pub is_cnn: bool,
    /// Report the loss every 20 batches.
    pub is_debug: bool,
    /// Precision, recall, F1 and support of each class in the report.
    pub classification_report_flag: bool,
    /// Pictures a batch.
    pub batch_size: usize,
    /// Classes of the source task.
    pub pre_train_classes: Vec<u8>,
    /// Classes of the target task.
    pub fine_tune_classes: Vec<u8>,
    /// Share of the training files' pictures that validates.
    pub val_split: f64,
    /// Loader processes in the original program. Kept because the result files have it; it changes no number.
    pub num_workers: usize,
    /// Seed of the split into training and validation pictures.
    pub generate_dataset_seed: u64,
    /// Average pooling after every `pooling_every_n_layers` convolutions.
    pub use_pooling: bool,
    /// Convolutions before each pooling.
    pub pooling_every_n_layers: usize,
    /// Stride of the pooling window (2 x 2), in pixels.
    pub pooling_stride: usize,
    /// Layers before the cut take no gradient.
    pub freeze: bool,
    /// Layers after the cut get new weights.
    pub reinit: bool,
    /// With two linear layers, both are new after a cut; otherwise only the last one is.
    pub reinit_both_dense: bool,
    /// Layers after the cut are removed.
    #[serde(skip_serializing_if = "is_false")]
    pub truncate: bool,
    /// Where tensors live. Not part of result files.
    #[serde(skip)]
    pub device: Device,
    /// Restore the best weights also when the last epoch is reached (the study restores them only on early stopping).
    #[serde(skip_serializing_if = "is_false")]
    pub restore_best: bool,
    /// The pictures that test accuracy is measured on.
    pub test_split: TestSplit,
    /// Keys of a result file's first element that this crate does not know, kept as they were.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// Parameters that change no number of a result row.
pub const NO_NUMBER: [&str; 6] =
    ["num_workers", "is_debug", "save_best", "save_checkpoints", "classification_report_flag", "lr_pretrain"];
/// Parameters that spell the setting.
pub const SETTING_KEYS: [&str; 3] = ["freeze", "reinit", "truncate"];

fn is_false(b: &bool) -> bool {
    !b
}

impl Default for Params {
    fn default() -> Self {
        Params {
            depth: 6,
            num_channels: 64,
            two_linear_layers: false,
            hidden_dim_lin: 128,
            activation_function: Activation::ReLU,
            kernel_size: 3,
            lr_pretrain: 0.001,
            lr_fine_tune: 0.001,
            num_train: 40,
            early_stop_patience: Some(6),
            save_best: false,
            save_checkpoints: false,
            is_cnn: true,
            is_debug: false,
            classification_report_flag: false,
            batch_size: 64,
            pre_train_classes: vec![0, 1, 2, 3, 4],
            fine_tune_classes: vec![5, 6, 7, 8, 9],
            val_split: 0.1,
            num_workers: 0,
            generate_dataset_seed: 42,
            use_pooling: true,
            pooling_every_n_layers: 2,
            pooling_stride: 2,
            freeze: true,
            reinit: true,
            reinit_both_dense: true,
            truncate: false,
            device: Device::Auto,
            restore_best: false,
            test_split: TestSplit::Test,
            other: serde_json::Map::new(),
        }
    }
}

impl Params {
    /// The setting that `freeze`, `reinit` and `truncate` spell.
    ///
    /// # Errors
    /// [`Error::Parameter`] for `truncate` without `freeze`, which is no setting of the study: nothing would be kept
    /// as it was, and nothing be re-initialised.
    pub fn setting(&self) -> Result<Setting> {
        match (self.freeze, self.reinit, self.truncate) {
            (true, _, true) => Ok(Setting::FT),
            (false, _, true) => Err(Error::parameter("truncate", "false where `freeze` is false", "true")),
            (true, true, false) => Ok(Setting::FR),
            (true, false, false) => Ok(Setting::F),
            (false, true, false) => Ok(Setting::R),
            (false, false, false) => Ok(Setting::Keep),
        }
    }

    /// The same parameters with `freeze`, `reinit` and `truncate` as in `setting`.
    pub fn with_setting(mut self, setting: Setting) -> Self {
        (self.freeze, self.reinit, self.truncate) = (setting.freeze(), setting.reinit(), setting.truncate());
        self
    }

    /// Whether a pooling follows convolution `layer` (counted from 0).
    pub fn pools_after(&self, layer: usize) -> bool {
        self.use_pooling && (layer + 1).is_multiple_of(self.pooling_every_n_layers)
    }

    /// Checks every value that can be judged without a data set.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first value that cannot be used.
    pub fn check(&self) -> Result<()> {
        let at_least_one = [
            ("depth", self.depth),
            ("num_channels", self.num_channels),
            ("kernel_size", self.kernel_size),
            ("num_train", self.num_train),
            ("batch_size", self.batch_size),
            ("pooling_every_n_layers", self.pooling_every_n_layers),
            ("pooling_stride", self.pooling_stride),
            ("hidden_dim_lin", self.hidden_dim_lin),
        ];
        for (name, value) in at_least_one {
            if value == 0 {
                return Err(Error::parameter(name, "at least 1", value));
            }
        }
        if self.depth > MAX_DEPTH {
            return Err(Error::parameter("depth", format!("at most {MAX_DEPTH}"), self.depth));
        }
        let window = self.kernel_size.checked_mul(self.kernel_size);
        let layer = window.and_then(|w| w.checked_mul(self.num_channels)?.checked_mul(self.num_channels));
        if layer.and_then(|l| l.checked_mul(self.depth)).is_none_or(|w| w > MAX_WEIGHTS) {
            let found = format!("{} of {} x {}", self.num_channels, self.kernel_size, self.kernel_size);
            return Err(Error::parameter(
                "num_channels",
                format!("at most {MAX_WEIGHTS} weights in all convolutions"),
                found,
            ));
        }
        if self.hidden_dim_lin > 1 << 20 {
            return Err(Error::parameter("hidden_dim_lin", format!("at most {}", 1 << 20), self.hidden_dim_lin));
        }
        for (name, lr) in [("lr_pretrain", self.lr_pretrain), ("lr_fine_tune", self.lr_fine_tune)] {
            if !(lr.is_finite() && lr > 0.0) {
                return Err(Error::parameter(name, "a positive number", lr));
            }
        }
        if self.early_stop_patience == Some(0) {
            return Err(Error::parameter("early_stop_patience", "at least 1, or none (null) for no early stopping", 0));
        }
        if !(0.0..1.0).contains(&self.val_split) {
            return Err(Error::parameter("val_split", "a share from 0 to below 1", self.val_split));
        }
        if self.val_split == 0.0 && self.needs_validation() {
            let expected = "above 0, as early stopping and the best weights need validation pictures";
            return Err(Error::parameter("val_split", expected, 0));
        }
        if !self.is_cnn {
            return Err(Error::parameter("is_cnn", "true, as every network here is convolutional", false));
        }
        check_classes("pre_train_classes", &self.pre_train_classes)?;
        check_classes("fine_tune_classes", &self.fine_tune_classes)?;
        self.setting()?;
        Ok(())
    }

    /// Whether training is decided by accuracy on validation pictures: by early stopping, or to find the best weights.
    pub(crate) fn needs_validation(&self) -> bool {
        self.early_stop_patience.is_some() || self.restore_best || self.save_best
    }

    /// The first parameter in which two sets of parameters differ, with both values as JSON. `ignoring` names keys of no
    /// account, beside those that change no number ([`NO_NUMBER`]); keys of other programs count where both have them.
    pub fn difference(&self, other: &Params, ignoring: &[&str]) -> Option<(String, String, String)> {
        let object = |p: &Params| serde_json::to_value(p).ok().and_then(|v| v.as_object().cloned()).unwrap_or_default();
        let (a, b) = (object(self), object(other));
        let of_no_account = |key: &str| ignoring.contains(&key) || NO_NUMBER.contains(&key);
        let keys = a.keys().chain(b.keys()).filter(|key| !of_no_account(key));
        let absent = serde_json::Value::Bool(false);
        keys.into_iter().find_map(|key| {
            let foreign = self.other.contains_key(key) || other.other.contains_key(key);
            if foreign && !(a.contains_key(key) && b.contains_key(key)) {
                return None;
            }
            let (x, y) = (a.get(key).unwrap_or(&absent), b.get(key).unwrap_or(&absent));
            (x != y).then(|| (key.clone(), x.to_string(), y.to_string()))
        })
    }

    /// Checks that `cut` is -1 (the baseline) or between 0 and `depth`.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn check_cut(&self, cut: i64) -> Result<()> {
        if (-1..=self.depth as i64).contains(&cut) {
            return Ok(());
        }
        Err(Error::parameter("cut", format!("-1 (the baseline) or 0 to {} (`depth`)", self.depth), cut))
    }
}

fn check_classes(name: &'static str, classes: &[u8]) -> Result<()> {
    if classes.len() < 2 {
        return Err(Error::parameter(name, "at least two classes", format!("{classes:?}")));
    }
    let mut sorted = classes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    if sorted.len() < classes.len() {
        return Err(Error::parameter(name, "each class once", format!("{classes:?}")));
    }
    Ok(())
}

/// Checks that a share of the target data is above 0 and at most 1.
///
/// # Errors
/// [`Error::Parameter`].
pub fn check_percentage(percentage: f64) -> Result<()> {
    if percentage > 0.0 && percentage <= 1.0 {
        return Ok(());
    }
    Err(Error::parameter("percentage", "a share above 0 and at most 1 (0.01 is one percent)", percentage))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_value_is_an_error_of_its_own() {
        let good = Params::default();
        good.check().unwrap();
        let cases: Vec<(&str, Params)> = vec![
            ("depth", Params { depth: 0, ..good.clone() }),
            ("depth", Params { depth: usize::MAX, ..good.clone() }),
            ("num_channels", Params { num_channels: 100_000, ..good.clone() }),
            ("num_channels", Params { num_channels: usize::MAX, ..good.clone() }),
            ("hidden_dim_lin", Params { hidden_dim_lin: usize::MAX, ..good.clone() }),
            ("num_channels", Params { num_channels: 0, ..good.clone() }),
            ("kernel_size", Params { kernel_size: 0, ..good.clone() }),
            ("num_train", Params { num_train: 0, ..good.clone() }),
            ("batch_size", Params { batch_size: 0, ..good.clone() }),
            ("pooling_stride", Params { pooling_stride: 0, ..good.clone() }),
            ("pooling_every_n_layers", Params { pooling_every_n_layers: 0, ..good.clone() }),
            ("hidden_dim_lin", Params { hidden_dim_lin: 0, ..good.clone() }),
            ("lr_pretrain", Params { lr_pretrain: f64::NAN, ..good.clone() }),
            ("lr_fine_tune", Params { lr_fine_tune: -0.1, ..good.clone() }),
            ("early_stop_patience", Params { early_stop_patience: Some(0), ..good.clone() }),
            ("val_split", Params { val_split: 1.0, ..good.clone() }),
            ("val_split", Params { val_split: 0.0, ..good.clone() }),
            ("is_cnn", Params { is_cnn: false, ..good.clone() }),
            ("pre_train_classes", Params { pre_train_classes: vec![3], ..good.clone() }),
            ("fine_tune_classes", Params { fine_tune_classes: vec![5, 7, 5], ..good.clone() }),
            ("truncate", Params { truncate: true, freeze: false, ..good.clone() }),
        ];
        for (name, params) in cases {
            let error = params.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("parameter `{name}`: expected ")), "{error}");
        }
        assert!(good.check_cut(-1).is_ok() && good.check_cut(6).is_ok());
        assert!(good.check_cut(7).is_err() && good.check_cut(-2).is_err());
        for p in [0.0, -0.1, 1.01, f64::NAN] {
            assert!(check_percentage(p).is_err(), "{p}");
        }
    }

    #[test]
    fn published_json_is_read_and_unknown_keys_survive() {
        let text = r#"{"depth": 4, "width": 9, "activation_function": "<class 'torch.nn.modules.activation.Tanh'>",
                       "early_stop_patience": null, "percentages": [0.1, 1], "truncate": true}"#;
        let params: Params = serde_json::from_str(text).unwrap();
        assert_eq!((params.depth, params.activation_function), (4, Activation::Tanh));
        assert_eq!((params.early_stop_patience, params.setting().unwrap()), (None, Setting::FT));
        let back = serde_json::to_value(&params).unwrap();
        assert_eq!(back["width"], 9);
        assert_eq!(back["percentages"], serde_json::json!([0.1, 1]));
        assert_eq!(back["activation_function"], "<class 'torch.nn.modules.activation.Tanh'>");
        assert_eq!(serde_json::from_value::<Params>(back).unwrap(), params);
    }

    #[test]
    fn differences_that_matter_are_named() {
        let (a, mut b) = (Params::default(), Params { is_debug: true, truncate: true, ..Params::default() });
        b.other.insert("width".into(), 3.into());
        assert_eq!(a.difference(&b, &SETTING_KEYS), None);
        let found = a.difference(&b, &[]).unwrap();
        assert_eq!(found, ("truncate".to_owned(), "false".to_owned(), "true".to_owned()));
        let c = Params { batch_size: 4096, ..Params::default() };
        assert_eq!(a.difference(&c, &[]).unwrap().0, "batch_size");
    }

    #[test]
    fn settings_and_their_flags_are_each_others_inverse() {
        for setting in Setting::ALL {
            assert_eq!(Params::default().with_setting(setting).setting().unwrap(), setting);
            assert_eq!(setting.to_string().parse::<Setting>().unwrap(), setting);
        }
    }

    #[test]
    fn repeats_are_the_published_ones() {
        assert_eq!(PERCENTAGES.map(published_repeats), [25, 25, 20, 5, 5]);
    }
}
