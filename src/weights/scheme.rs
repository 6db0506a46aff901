//! The weight schemes: their names, parameters, formulas and sources.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The use of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Multiplies the loss of positives: `BCEWithLogitsLoss(pos_weight=…)`.
    PosWeight,
    /// One weight per label, for positives and negatives.
    ClassWeight,
    /// One of a pair of weights, for positives and for negatives.
    Pair,
    /// Added to logits or biases.
    Additive,
    /// How often a row with the label occurs in an epoch.
    Sampling,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PosWeight => "pos_weight",
            Self::ClassWeight => "class weight",
            Self::Pair => "pair",
            Self::Additive => "additive",
            Self::Sampling => "sampling",
        })
    }
}

/// The reference of inverse frequencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reference {
    /// The least frequent label gets 1.
    Min,
    /// The mean of the labels' positives.
    Mean,
    /// Their median.
    Median,
    /// The most frequent label gets 1 (IRLbl as a weight).
    Max,
    /// All rows.
    Rows,
}

/// A formula from counts to one number per label.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Scheme {
    /// negatives / (positives + ε).
    Ratio {
        /// ε ≥ 0.
        epsilon: f64,
    },
    /// (negatives + α) / (positives + α).
    Laplace {
        /// α > 0.
        alpha: f64,
    },
    /// (negatives / positives)^γ.
    Power {
        /// γ.
        gamma: f64,
    },
    /// √(negatives / positives).
    Sqrt,
    /// max(floor, ln(negatives / positives) + 1).
    Log {
        /// Smallest weight: below a ratio of 1/e, ln + 1 is negative.
        floor: f64,
    },
    /// ln(1 + negatives / positives).
    Log1p,
    /// reference / positives.
    InverseFrequency {
        /// The reference.
        reference: Reference,
    },
    /// known / (2·positives) and known / (2·negatives).
    Balanced,
    /// (1 − β) / (1 − β^positives), scaled so that the labels present have mean 1.
    EffectiveNumber {
        /// 0 ≤ β < 1.
        beta: f64,
    },
    /// 1 + C·(positives + B)^−A with C = (ln N − 1)·(B + 1)^A.
    InversePropensity {
        /// A.
        a: f64,
        /// B.
        b: f64,
    },
    /// 1 / ln(c + prevalence).
    Enet {
        /// c > 1.
        c: f64,
    },
    /// negatives / known, the α of the focal loss.
    FocalAlpha,
    /// positives^−¼, scaled so that the largest is the maximal margin.
    LdamMargin {
        /// The margin of the rarest label.
        max_margin: f64,
    },
    /// ln(positives / negatives).
    PriorBias,
    /// τ·ln(positives / negatives).
    LogitAdjustment {
        /// τ.
        tau: f64,
    },
    /// max(1, √(threshold / frequency)).
    RepeatFactor {
        /// Labels rarer than this share of rows repeat.
        threshold: f64,
    },
    /// All negatives over all positives of all labels, the same for every label.
    Global,
}

/// One row of `posweight list schemes`.
#[derive(Debug)]
pub struct SchemeInfo {
    /// Name in flags and files.
    pub name: &'static str,
    /// The scheme with its default parameters.
    pub default: Scheme,
    /// The use of its numbers.
    pub kind: Kind,
    /// The formula; pos, neg, known = pos + neg, N rows or their weight.
    pub formula: &'static str,
    /// Parameters with their defaults.
    pub parameters: &'static str,
    /// Its source.
    pub source: &'static str,
}

const fn row(
    name: &'static str,
    default: Scheme,
    kind: Kind,
    formula: &'static str,
    parameters: &'static str,
    source: &'static str,
) -> SchemeInfo {
    SchemeInfo { name, default, kind, formula, parameters, source }
}

/// Every scheme.
#[rustfmt::skip]
pub const SCHEMES: [SchemeInfo; 17] = [
    row("ratio", Scheme::Ratio { epsilon: 0.0 }, Kind::PosWeight, "neg / (pos + epsilon)", "epsilon=0", "PyTorch BCEWithLogitsLoss"),
    row("laplace", Scheme::Laplace { alpha: 1.0 }, Kind::PosWeight, "(neg + alpha) / (pos + alpha)", "alpha=1", "additive smoothing"),
    row("power", Scheme::Power { gamma: 0.5 }, Kind::PosWeight, "(neg / pos)^gamma", "gamma=0.5", "damped ratio"),
    row("sqrt", Scheme::Sqrt, Kind::PosWeight, "sqrt(neg / pos)", "", "finetune (Indico)"),
    row("log", Scheme::Log { floor: 0.1 }, Kind::PosWeight, "max(floor, ln(neg / pos) + 1)", "floor=0.1", "finetune (Indico), with a floor"),
    row("log1p", Scheme::Log1p, Kind::PosWeight, "ln(1 + neg / pos)", "", "damped ratio"),
    row("inverse-frequency", Scheme::InverseFrequency { reference: Reference::Min }, Kind::ClassWeight, "reference / pos", "reference=min|mean|median|max|rows", "min-, mean-, max-normalised inverse frequency"),
    row("balanced", Scheme::Balanced, Kind::Pair, "known / (2 pos), known / (2 neg)", "", "scikit-learn class_weight=\"balanced\""),
    row("effective-number", Scheme::EffectiveNumber { beta: 0.999 }, Kind::ClassWeight, "(1 - beta) / (1 - beta^pos), mean 1", "beta=0.999", "Cui et al. 2019"),
    row("inverse-propensity", Scheme::InversePropensity { a: 0.55, b: 1.5 }, Kind::ClassWeight, "1 + C (pos + b)^-a, C = max(0, ln N - 1)(b + 1)^a", "a=0.55, b=1.5", "Jain et al. 2016"),
    row("enet", Scheme::Enet { c: 1.02 }, Kind::ClassWeight, "1 / ln(c + pos / known)", "c=1.02", "Paszke et al. 2016"),
    row("focal-alpha", Scheme::FocalAlpha, Kind::Pair, "neg / known", "", "Lin et al. 2017, per label"),
    row("ldam-margin", Scheme::LdamMargin { max_margin: 0.5 }, Kind::Additive, "pos^(-1/4), largest = max_margin", "max_margin=0.5", "Cao et al. 2019"),
    row("prior-bias", Scheme::PriorBias, Kind::Additive, "ln(pos / neg)", "", "bias initialisation, Lin et al. 2017"),
    row("logit-adjustment", Scheme::LogitAdjustment { tau: 1.0 }, Kind::Additive, "tau ln(pos / neg)", "tau=1", "Menon et al. 2021, binary"),
    row("repeat-factor", Scheme::RepeatFactor { threshold: 1e-3 }, Kind::Sampling, "max(1, sqrt(threshold N / pos))", "threshold=0.001", "LVIS, Gupta et al. 2019"),
    row("global", Scheme::Global, Kind::PosWeight, "sum neg / sum pos over all labels, one for all", "", "XGBoost scale_pos_weight"),
];

impl Scheme {
    /// The scheme's row in [`SCHEMES`].
    #[must_use]
    pub fn info(&self) -> &'static SchemeInfo {
        let index = match self {
            Self::Ratio { .. } => 0,
            Self::Laplace { .. } => 1,
            Self::Power { .. } => 2,
            Self::Sqrt => 3,
            Self::Log { .. } => 4,
            Self::Log1p => 5,
            Self::InverseFrequency { .. } => 6,
            Self::Balanced => 7,
            Self::EffectiveNumber { .. } => 8,
            Self::InversePropensity { .. } => 9,
            Self::Enet { .. } => 10,
            Self::FocalAlpha => 11,
            Self::LdamMargin { .. } => 12,
            Self::PriorBias => 13,
            Self::LogitAdjustment { .. } => 14,
            Self::RepeatFactor { .. } => 15,
            Self::Global => 16,
        };
        &SCHEMES[index]
    }

    /// Parameters by name, with the range a value must lie in.
    fn parameters(&mut self) -> Vec<(&'static str, &mut f64, RangeInclusive<f64>)> {
        const ABOVE_ZERO: f64 = f64::MIN_POSITIVE;
        match self {
            Self::Ratio { epsilon } => vec![("epsilon", epsilon, 0.0..=1e9)],
            Self::Laplace { alpha } => vec![("alpha", alpha, 1e-9..=1e9)],
            Self::Power { gamma } => vec![("gamma", gamma, 0.0..=4.0)],
            Self::Log { floor } => vec![("floor", floor, ABOVE_ZERO..=1.0)],
            Self::EffectiveNumber { beta } => vec![("beta", beta, 0.0..=1.0_f64.next_down())],
            Self::InversePropensity { a, b } => vec![("a", a, 0.0..=10.0), ("b", b, 1e-9..=1e9)],
            Self::Enet { c } => vec![("c", c, 1.000_001..=100.0)],
            Self::LdamMargin { max_margin } => vec![("max_margin", max_margin, ABOVE_ZERO..=1e6)],
            Self::LogitAdjustment { tau } => vec![("tau", tau, -1e3..=1e3)],
            Self::RepeatFactor { threshold } => vec![("threshold", threshold, ABOVE_ZERO..=1.0)],
            Self::Sqrt
            | Self::Log1p
            | Self::InverseFrequency { .. }
            | Self::Balanced
            | Self::FocalAlpha
            | Self::PriorBias
            | Self::Global => Vec::new(),
        }
    }

    /// Number of numeric parameters; a reference is not a number.
    #[must_use]
    pub fn parameter_count(mut self) -> usize {
        self.parameters().len()
    }

    /// The scheme with its first parameters set, in the order of its [`SchemeInfo::parameters`].
    ///
    /// # Errors
    /// [`Error::Usage`] naming the parameter whose value is outside its range.
    pub fn with_parameters(mut self, values: &[f64]) -> Result<Self> {
        let name = self.info().name;
        for ((key, parameter, range), value) in self.parameters().into_iter().zip(values) {
            if !range.contains(value) {
                return Err(Error::usage(format!("scheme {name}: {}", outside(key, *value, &range)))
                    .hint("give a number in that range"));
            }
            *parameter = *value;
        }
        Ok(self)
    }

    /// The scheme's name in files: its text with everything but letters, digits, `_`, `-` and `.` as `_`.
    #[must_use]
    pub fn key(&self) -> String {
        let safe = |c: char| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' };
        self.to_string().chars().map(safe).collect()
    }
}

const REFERENCES: [(&str, Reference); 5] = [
    ("min", Reference::Min),
    ("mean", Reference::Mean),
    ("median", Reference::Median),
    ("max", Reference::Max),
    ("rows", Reference::Rows),
];

impl FromStr for Scheme {
    type Err = Error;

    /// `NAME` or `NAME:key=value,key=value`; the names in older files had `_` in place of `-`.
    fn from_str(text: &str) -> Result<Self> {
        let (name, parameters) = text.split_once(':').unwrap_or((text, ""));
        let typed = name;
        let name = &*name.replace('_', "-");
        let info = SCHEMES.iter().find(|info| info.name == name).ok_or_else(|| unknown_scheme(typed))?;
        let mut scheme = info.default;
        for pair in parameters.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let wrong = |what: String| {
                let known = if info.parameters.is_empty() { "it has no parameters" } else { info.parameters };
                Error::usage(format!("--scheme {text}: {what}")).hint(format!("{name}: {known}"))
            };
            let (key, value) =
                pair.split_once('=').ok_or_else(|| wrong(format!("\"{pair}\" is not key=value")))?;
            if let (Self::InverseFrequency { reference }, "reference") = (&mut scheme, key) {
                let known = REFERENCES.iter().find(|(known, _)| *known == value);
                *reference = known.ok_or_else(|| wrong(format!("unknown reference \"{value}\"")))?.1;
                continue;
            }
            let mut known = scheme.parameters();
            let Some((_, parameter, range)) = known.iter_mut().find(|(known, ..)| *known == key) else {
                return Err(wrong(format!("unknown parameter \"{key}\"")));
            };
            let number: f64 = value.parse().map_err(|_| wrong(format!("{key}={value} is not a number")))?;
            if !range.contains(&number) {
                return Err(wrong(outside(key, number, range)));
            }
            **parameter = number;
        }
        Ok(scheme)
    }
}

fn outside(key: &str, value: f64, range: &RangeInclusive<f64>) -> String {
    let start =
        if *range.start() == f64::MIN_POSITIVE { "above 0".to_owned() } else { range.start().to_string() };
    format!("{key}={value} is outside {start} … {}", range.end())
}

fn unknown_scheme(name: &str) -> Error {
    let names = SCHEMES.iter().map(|info| info.name);
    let near =
        names.clone().max_by(|a, b| strsim::jaro_winkler(name, a).total_cmp(&strsim::jaro_winkler(name, b)));
    let meant = near.filter(|near| strsim::jaro_winkler(name, near) > 0.8);
    let meant = if name == "pos_weight" { Some("ratio") } else { meant };
    let meant = meant.map(|near| format!("did you mean {near}? ")).unwrap_or_default();
    Error::usage(format!("unknown scheme \"{name}\""))
        .hint(format!("{meant}the schemes are {}", names.collect::<Vec<_>>().join(", ")))
}

impl fmt::Display for Scheme {
    /// The name, and the parameters that differ from the default.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let info = self.info();
        f.write_str(info.name)?;
        let (mut this, mut default) = (*self, info.default);
        let mut between = ':';
        for ((name, value, _), (_, usual, _)) in this.parameters().into_iter().zip(default.parameters()) {
            if value != usual {
                write!(f, "{between}{name}={value}")?;
                between = ',';
            }
        }
        if let Self::InverseFrequency { reference } = self
            && *reference != Reference::Min
        {
            let name =
                REFERENCES.iter().find(|(_, known)| known == reference).map_or("min", |(name, _)| name);
            write!(f, "{between}reference={name}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_has_its_row_and_reads_back() {
        for info in &SCHEMES {
            assert_eq!(info.default.info().name, info.name);
            assert_eq!(info.name.parse::<Scheme>().unwrap(), info.default);
            assert_eq!(info.default.to_string(), info.name);
        }
        for text in
            ["ratio:epsilon=0.00001", "inverse-frequency:reference=rows", "inverse-propensity:a=0.5,b=0.4"]
        {
            assert_eq!(text.parse::<Scheme>().unwrap().to_string(), text);
        }
        assert_eq!(
            "effective-number:beta=0.99".parse::<Scheme>().unwrap().key(),
            "effective-number_beta_0.99"
        );
    }

    #[test]
    fn a_wrong_scheme_says_what_is_wrong() {
        let message = |text: &str| text.parse::<Scheme>().unwrap_err().to_string();
        assert_eq!(message("ration"), "unknown scheme \"ration\"");
        let vector = "pos_weight".parse::<Scheme>().unwrap_err();
        assert_eq!(vector.to_string(), "unknown scheme \"pos_weight\"");
        assert!(vector.remedy().unwrap().starts_with("did you mean ratio?"), "{vector:?}");
        assert_eq!(
            message("effective-number:beta=1"),
            "--scheme effective-number:beta=1: beta=1 is outside 0 … 0.9999999999999999"
        );
        assert_eq!(message("sqrt:beta=1"), "--scheme sqrt:beta=1: unknown parameter \"beta\"");
        assert!("ration".parse::<Scheme>().unwrap_err().remedy().unwrap().starts_with("did you mean ratio?"));
    }
}
