//! What computed a number.

use serde::{Deserialize, Serialize};

/// What computed a number: last digits depend on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Computed {
    /// This crate and its version.
    pub program: String,
    /// The processor's instructions that libtorch uses, by the names of `torch.backends.cpu.get_cpu_capability()`; `None`
    /// where a GPU did the work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instruction_set: Option<String>,
    /// The precision, where it is not float32.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<String>,
}

impl Computed {
    /// What this program computes on a kind of device.
    pub fn here(device: tch::Device) -> Computed {
        Computed {
            program: concat!("cutpoint ", env!("CARGO_PKG_VERSION")).to_owned(),
            instruction_set: (device == tch::Device::Cpu).then(|| instruction_set().to_owned()),
            precision: None,
        }
    }
}

/// What libtorch decides on the processor it runs on, unless the environment variable `ATEN_CPU_CAPABILITY` tells it to
/// do with less.
fn instruction_set() -> &'static str {
    let asked = std::env::var("ATEN_CPU_CAPABILITY").unwrap_or_default();
    match asked.as_str() {
        "default" => return "DEFAULT",
        "avx2" => return "AVX2",
        _ => {}
    }
    #[cfg(target_arch = "x86_64")]
    {
        let fma = std::arch::is_x86_feature_detected!("fma");
        let wide = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq");
        if wide && fma {
            return "AVX512";
        }
        if std::arch::is_x86_feature_detected!("avx2") && fma {
            return "AVX2";
        }
    }
    "DEFAULT"
}
