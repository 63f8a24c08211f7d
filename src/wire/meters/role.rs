//! The role of a meter at its site.

use crate::proto::v1;
use serde::{Deserialize, Serialize};

/// The role of a meter at its site. Its label is stored in tables; an unknown one is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Unknown.
    #[default]
    Unknown,
    /// The exchange with the grid.
    Grid,
    /// A generator, such as solar panels.
    Production,
    /// A battery or another store.
    Storage,
    /// A part of the site that its grid meter measures too, or another medium at the site.
    Submeter,
    /// One appliance.
    Appliance,
}

impl Role {
    /// Its name in tables; empty if unknown.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unknown => "",
            Self::Grid => "grid",
            Self::Production => "production",
            Self::Storage => "storage",
            Self::Submeter => "submeter",
            Self::Appliance => "appliance",
        }
    }

    /// The role with this name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Grid, Self::Production, Self::Storage, Self::Submeter, Self::Appliance];
        all.into_iter().find(|role| role.label() == name)
    }

    /// Its number in the public contract.
    pub(super) fn number(self) -> i32 {
        let role = match self {
            Self::Unknown => v1::Role::Unspecified,
            Self::Grid => v1::Role::Grid,
            Self::Production => v1::Role::Production,
            Self::Storage => v1::Role::Storage,
            Self::Submeter => v1::Role::Submeter,
            Self::Appliance => v1::Role::Appliance,
        };
        role.into()
    }

    /// The role of a number; one of a newer program is unknown.
    pub(super) fn from_number(number: i32) -> Self {
        match v1::Role::try_from(number) {
            Ok(v1::Role::Unspecified) | Err(_) => Self::Unknown,
            Ok(v1::Role::Grid) => Self::Grid,
            Ok(v1::Role::Production) => Self::Production,
            Ok(v1::Role::Storage) => Self::Storage,
            Ok(v1::Role::Submeter) => Self::Submeter,
            Ok(v1::Role::Appliance) => Self::Appliance,
        }
    }
}
