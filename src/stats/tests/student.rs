//! The tails of Student's t distribution.

/// The chance that |T| is at least |t|, for T of Student's distribution with `freedom` degrees of freedom.
///
/// It is the regularised incomplete beta function of x = f / (f + t^2) at (f/2, 1/2).
pub(super) fn two_sided(t: f64, freedom: u32) -> f64 {
    let (f, square) = (f64::from(freedom), t * t);
    let (a, b) = (f / 2.0, 0.5);
    // ln x and ln(1 - x), neither of a difference that rounding would spoil.
    let (ln_x, ln_rest) = (-(square / f).ln_1p(), -(f / square).ln_1p());
    let front = (a * ln_x + b * ln_rest).exp() * inverse_beta(freedom);
    let x = f / (f + square);
    if x < (a + 1.0) / (a + b + 2.0) {
        front * fraction(x, a, b) / a
    } else {
        1.0 - front * fraction(square / (f + square), b, a) / b
    }
}

/// The chance that T is at most t.
pub(super) fn at_most(t: f64, freedom: u32) -> f64 {
    let half = two_sided(t, freedom) / 2.0;
    if t < 0.0 {
        half
    } else {
        1.0 - half
    }
}

/// 1 / B(f/2, 1/2), from its value at one or two degrees of freedom upwards in steps of two.
fn inverse_beta(freedom: u32) -> f64 {
    let (first, value) = if freedom % 2 == 1 { (1, std::f64::consts::FRAC_1_PI) } else { (2, 0.5) };
    (first..freedom).step_by(2).fold(value, |value, f| value * f64::from(f + 1) / f64::from(f))
}

/// The continued fraction of the incomplete beta function (DLMF 8.17.22), from the front by Lentz's method.
fn fraction(x: f64, a: f64, b: f64) -> f64 {
    const TINY: f64 = 1e-300;
    let nonzero = |v: f64| if v == 0.0 { TINY } else { v };
    let coefficient = |k: u32| {
        let m = f64::from(k / 2);
        match k % 2 {
            0 => m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m)),
            _ => -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0)),
        }
    };
    let (mut value, mut c, mut d) = (1.0, 1.0, 0.0);
    // On the side of the mean that it is used for, some tens of terms are enough.
    for k in 1..=10_000 {
        let term = coefficient(k);
        d = 1.0 / nonzero(1.0 + term * d);
        c = nonzero(1.0 + term / c);
        value *= c * d;
        if (c * d - 1.0).abs() < f64::EPSILON {
            break;
        }
    }
    1.0 / value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: SciPy 1.17.1, `scipy.stats.t.sf` and `.cdf`; `tests/stats/make.py` says how.
    #[test]
    fn tails_agree_with_scipy() {
        let grid: Vec<(f64, u32, f64, f64)> =
            serde_json::from_str(include_str!("../../../tests/stats/student.json")).unwrap();
        assert!(grid.len() > 300);
        for (t, freedom, both, below) in grid {
            let (ours, cdf) = (two_sided(t, freedom), at_most(t, freedom));
            assert!((ours - both).abs() <= 1e-12 * both, "t {t}, f {freedom}: {ours} {both}");
            assert!((cdf - below).abs() <= 1e-12 * below, "t {t}, f {freedom}: {cdf} {below}");
        }
    }

    #[test]
    fn the_ends() {
        for freedom in [1, 2, 7, 100] {
            assert_eq!(two_sided(0.0, freedom), 1.0);
            assert_eq!(at_most(0.0, freedom), 0.5);
            assert_eq!(two_sided(f64::INFINITY, freedom), 0.0);
            assert_eq!(at_most(f64::NEG_INFINITY, freedom), 0.0);
            assert_eq!(at_most(f64::INFINITY, freedom), 1.0);
        }
    }
}
