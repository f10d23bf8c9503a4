//! The published JSON header: the first element of a result file, one flat record of everything.

use serde::{Deserialize, Serialize};

use super::{
    is_default, Activation, CutPoint, Device, NetworkConfig, Optimizer, Pooling, Recipe, Setting, SplitConfig,
    TestSplit, TrainingConfig,
};
use crate::error::{Error, Result};

/// The settings of a study as result files have them. Field names are theirs; [`Params::default`] has the study's values.
///
/// This is a form to be filled in and read: what runs is made of the components that it describes
/// ([`Params::network`], [`Params::pretraining`], [`Params::fine_tuning`], [`Params::split`], [`Params::setting`]), each of
/// which is checked when it is built.
///
/// ```
/// use cutpoint::config::Params;
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
    /// Images a batch.
    pub batch_size: usize,
    /// Classes of the source task.
    pub pre_train_classes: Vec<u8>,
    /// Classes of the target task.
    pub fine_tune_classes: Vec<u8>,
    /// Fraction of the training files' images that validates.
    pub val_split: f64,
    /// Loader processes in the original program. Kept because the result files have it; it changes no number.
    pub num_workers: usize,
    /// Seed of the split into training and validation images.
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
    #[serde(skip_serializing_if = "is_default")]
    pub truncate: bool,
    /// Where tensors live. Not part of result files.
    #[serde(skip)]
    pub device: Device,
    /// Restore the best weights also when the last epoch is reached (the study restores them only on early stopping).
    #[serde(skip_serializing_if = "is_default")]
    pub restore_best: bool,
    /// The images that test accuracy is measured on.
    pub test_split: TestSplit,
    /// The optimizer, where it is not Adam without weight decay; its learning rate is the one above.
    #[serde(skip_serializing_if = "is_usual")]
    pub optimizer: Option<Optimizer>,
    /// What training does beside following the gradients.
    #[serde(skip_serializing_if = "is_default")]
    pub recipe: Recipe,
    /// Keys of a result file's first element that this crate does not know, kept as they were.
    #[serde(flatten)]
    pub other: serde_json::Map<String, serde_json::Value>,
}

/// Whether an optimizer is the study's, said or not: Adam without weight decay, whose learning rate stands elsewhere.
fn is_usual(optimizer: &Option<Optimizer>) -> bool {
    matches!(optimizer, None | Some(Optimizer::Adam { weight_decay: 0.0, .. }))
}

/// Parameters that change no number of a result row. What the source network's weights are, their digest says.
pub const NO_NUMBER: [&str; 7] = [
    "num_workers",
    "is_debug",
    "save_best",
    "save_checkpoints",
    "classification_report_flag",
    "lr_pretrain",
    "source_origin",
];
/// Parameters that spell the setting.
pub const SETTING_KEYS: [&str; 3] = ["freeze", "reinit", "truncate"];

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
            optimizer: None,
            recipe: Recipe::default(),
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
        self.use_pooling && (layer + 1).is_multiple_of(self.pooling_every_n_layers.max(1))
    }

    /// The network that these parameters describe.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first value that cannot be used; so in the methods below.
    pub fn network(&self) -> Result<NetworkConfig> {
        NetworkConfig::try_from(self)
    }

    /// How the source network is trained.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn pretraining(&self) -> Result<TrainingConfig> {
        self.training(self.optimizer_at(self.lr_pretrain).checked("lr_pretrain")?)
    }

    /// How cut networks are trained.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn fine_tuning(&self) -> Result<TrainingConfig> {
        self.training(self.optimizer_at(self.lr_fine_tune).checked("lr_fine_tune")?)
    }

    fn optimizer_at(&self, lr: f64) -> Optimizer {
        self.optimizer.map_or(Optimizer::Adam { lr, weight_decay: 0.0 }, |optimizer| optimizer.at(lr))
    }

    fn training(&self, optimizer: Optimizer) -> Result<TrainingConfig> {
        let training = TrainingConfig::new(optimizer).with_epochs(self.num_train)?.with_batch_size(self.batch_size)?;
        training.with_patience(self.early_stop_patience)?.with_restore_best(self.restore_best).with_recipe(self.recipe)
    }

    /// Which images are whose.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn split(&self) -> Result<SplitConfig> {
        SplitConfig::try_from(self)
    }

    /// The same with the network of a component.
    pub fn with_network(mut self, network: &NetworkConfig) -> Self {
        (self.depth, self.num_channels, self.kernel_size) =
            (network.depth(), network.channels(), network.kernel_size());
        (self.activation_function, self.device) = (network.activation(), network.device());
        self.use_pooling = network.pooling().is_some();
        if let Some(pooling) = network.pooling() {
            (self.pooling_every_n_layers, self.pooling_stride) = (pooling.every, pooling.stride);
        }
        self.two_linear_layers = network.hidden().is_some();
        self.hidden_dim_lin = network.hidden().unwrap_or(self.hidden_dim_lin);
        self
    }

    /// The same with the fine-tuning of a component.
    pub fn with_fine_tuning(mut self, training: &TrainingConfig) -> Self {
        self.lr_fine_tune = training.optimizer().lr();
        self.with_training(training)
    }

    /// The same with the pre-training of a component.
    pub fn with_pretraining(mut self, training: &TrainingConfig) -> Self {
        self.lr_pretrain = training.optimizer().lr();
        self.with_training(training)
    }

    fn with_training(mut self, training: &TrainingConfig) -> Self {
        (self.num_train, self.early_stop_patience) = (training.epochs(), training.patience());
        (self.batch_size, self.restore_best) = (training.batch_size(), training.restore_best());
        (self.optimizer, self.recipe) = (None, *training.recipe());
        let (optimizer, usual) = (training.optimizer(), self.optimizer_at(training.optimizer().lr()));
        self.optimizer = (optimizer != usual).then_some(optimizer);
        self
    }

    /// The same with the split of a component.
    pub fn with_split(mut self, split: &SplitConfig) -> Self {
        (self.pre_train_classes, self.fine_tune_classes) =
            (split.source_classes().to_vec(), split.target_classes().to_vec());
        (self.val_split, self.generate_dataset_seed) = (split.validation(), split.seed());
        self.test_split = split.test();
        self
    }

    /// Checks every value that can be judged without a data set, by building every component.
    ///
    /// # Errors
    /// [`Error::Parameter`] for the first value that cannot be used.
    pub fn check(&self) -> Result<()> {
        self.network()?;
        self.pretraining()?;
        self.fine_tuning()?;
        let split = self.split()?;
        if split.validation() == 0.0 && self.needs_validation() {
            let expected = "above 0, as early stopping and the best weights need validation images";
            return Err(Error::parameter("val_split", expected, 0));
        }
        if !self.is_cnn {
            return Err(Error::parameter("is_cnn", "true, as every network here is convolutional", false));
        }
        self.setting()?;
        Ok(())
    }

    /// Refuses what a fine-tuning run of a sweep does not do: it writes no files of weights and reports no losses and no
    /// scores of classes, of which there would be hundreds. [`crate::train::Trainer`] does.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub(crate) fn check_for_runs(&self) -> Result<()> {
        for (name, asked) in [
            ("save_best", self.save_best),
            ("save_checkpoints", self.save_checkpoints),
            ("is_debug", self.is_debug),
            ("classification_report_flag", self.classification_report_flag),
        ] {
            if asked {
                return Err(Error::parameter(name, "false for runs of a sweep (a Trainer honours it)", true));
            }
        }
        Ok(())
    }

    /// Whether training is decided by accuracy on validation images: by early stopping, or to find the best weights.
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
        CutPoint::try_from(cut).map_or_else(|_| self.wrong_cut(cut), |point| point.check(self.depth))
    }

    fn wrong_cut(&self, cut: i64) -> Result<()> {
        Err(Error::parameter("cut", format!("-1 (the baseline) or 0 to {} (`depth`)", self.depth), cut))
    }
}

impl TryFrom<&Params> for NetworkConfig {
    type Error = Error;

    fn try_from(p: &Params) -> Result<Self> {
        // What a switch turns off is checked all the same: it is one switch away from being used.
        let pooling = Pooling { every: p.pooling_every_n_layers, stride: p.pooling_stride };
        let network = NetworkConfig::new(p.depth, p.num_channels, p.kernel_size)?
            .with_activation(p.activation_function)
            .with_pooling(Some(pooling))?
            .with_hidden(Some(p.hidden_dim_lin))?
            .on(p.device);
        let pooling = network.pooling().filter(|_| p.use_pooling);
        let hidden = network.hidden().filter(|_| p.two_linear_layers);
        network.with_pooling(pooling)?.with_hidden(hidden)
    }
}

impl TryFrom<&Params> for SplitConfig {
    type Error = Error;

    fn try_from(p: &Params) -> Result<Self> {
        let split = SplitConfig::new(&p.pre_train_classes, &p.fine_tune_classes)?.with_validation(p.val_split)?;
        Ok(split.with_seed(p.generate_dataset_seed).with_test(p.test_split))
    }
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
        // The study's optimizer is the same whether it is said or not.
        let said = Params { optimizer: Some(Optimizer::adam(0.1).unwrap()), ..Params::default() };
        assert_eq!(a.difference(&said, &[]), None);
        assert_eq!(a.fine_tuning().unwrap(), said.fine_tuning().unwrap());
        let decays = Params { optimizer: Some(Optimizer::named("adam", 0.1, Some(0.1)).unwrap()), ..Params::default() };
        assert_eq!(a.difference(&decays, &[]).unwrap().0, "optimizer");
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
    fn a_form_gives_the_network_that_it_describes() {
        assert_eq!(Params::default().network().unwrap(), NetworkConfig::default());
        let form = Params { use_pooling: false, two_linear_layers: true, ..Params::default() };
        let network = form.network().unwrap();
        assert_eq!((network.pooling(), network.hidden()), (None, Some(128)));
    }

    #[test]
    fn a_form_filled_in_from_its_components_is_the_same_form() {
        let form = Params {
            depth: 3,
            two_linear_layers: true,
            use_pooling: false,
            lr_fine_tune: 0.1,
            early_stop_patience: None,
            restore_best: true,
            fine_tune_classes: vec![1, 2],
            val_split: 0.3,
            test_split: TestSplit::Published,
            ..Params::default()
        };
        let blank = Params { num_channels: 1, num_train: 1, pre_train_classes: vec![], ..Params::default() };
        let filled = blank.with_network(&form.network().unwrap()).with_split(&form.split().unwrap());
        assert_eq!(filled.clone().with_fine_tuning(&form.fine_tuning().unwrap()), form);
        let recipe = Recipe { label_smoothing: 0.1, ..Recipe::default() };
        let training = form.pretraining().unwrap().with_optimizer(Optimizer::sgd(0.2, 0.9).unwrap());
        let training = training.with_recipe(recipe).unwrap();
        let other = form.clone().with_pretraining(&training);
        assert_eq!((other.lr_pretrain, other.pretraining().unwrap()), (0.2, training));
        let read: Params = serde_json::from_str(&serde_json::to_string(&other).unwrap()).unwrap();
        assert_eq!(read, Params { device: other.device, ..other });
    }

    #[test]
    fn what_runs_of_a_sweep_do_not_do_is_refused() {
        Params::default().check_for_runs().unwrap();
        let error = Params { is_debug: true, ..Params::default() }.check_for_runs().unwrap_err().to_string();
        assert!(error.starts_with("parameter `is_debug`: expected false"), "{error}");
    }
}
