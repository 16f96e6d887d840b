//! A set of definitions, resolved: what a request finds by name is ready to run. Made anew and swapped whole at each reload.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use unskew_engine::definitions::fitted::{FittedFile, FittedFiles, SUFFIX, load_fitted};
use unskew_engine::definitions::{self, Definitions, Service, View, ViewKind, hex};
use unskew_engine::diagnostics::render;
use unskew_engine::keys::EntityKey;
use unskew_engine::plan::{Layout, Plan};
use unskew_engine::row::Schema;
use unskew_engine::windows::WindowPlan;

use super::rows::Served;
use super::view::ServedView;
use super::window::ServedWindow;
use crate::error::{Code, Error};

/// Definitions and fitted files, resolved.
#[derive(Debug, Default)]
pub struct Catalog {
    definitions: Definitions,
    /// By entity.
    keys: HashMap<String, EntityKey>,
    views: BTreeMap<String, Arc<ServedView>>,
    windows: BTreeMap<String, Arc<ServedWindow>>,
    /// The window views that read a source, by its name.
    of_source: BTreeMap<String, Vec<Arc<ServedWindow>>>,
    services: HashMap<String, ServedService>,
    /// Features of defined views by their own name: the view that has it, none where several have.
    bare: HashMap<String, Option<String>>,
}

/// A service and the plans of all its fits.
#[derive(Debug)]
struct ServedService {
    plans: Vec<Arc<Plan>>,
    /// The plan of requests that bring no fingerprint, or why there is none.
    default: Result<Arc<Plan>, String>,
}

impl Catalog {
    /// Reads and resolves a directory of definitions with the fitted files in it. `before`: what was served until now, whose stored rows must
    /// stay readable. `max_key_bytes`: the longest key of an entity.
    ///
    /// # Errors
    /// All that is wrong, each with its place, as a compiler prints it.
    pub fn load(path: &Path, before: Option<&Self>, max_key_bytes: usize) -> Result<Self, String> {
        let files = definitions::read(path).map_err(|found| render(&found, &[]))?;
        let definitions = definitions::parse(&files).map_err(|found| render(&found, &files))?;
        if let Some(before) = before {
            let found = definitions::incompatibilities(&before.definitions, &definitions);
            if !found.is_empty() {
                return Err(render(&found, &files));
            }
        }
        let (fits, unfit) = load_fitted(path, &definitions);
        for diagnostic in &unfit {
            tracing::warn!(cause = %diagnostic, "fitted file is not served");
        }
        Self::resolve(definitions, before, &fits, max_key_bytes)
    }

    fn resolve(
        definitions: Definitions,
        before: Option<&Self>,
        fits: &FittedFiles,
        max_key_bytes: usize,
    ) -> Result<Self, String> {
        let mut catalog = Self::default();
        for (name, entity) in &definitions.entities {
            catalog.keys.insert(name.clone(), EntityKey::new(entity, max_key_bytes)?);
        }
        for (name, view) in &definitions.views {
            let ViewKind::Row(row) = &view.kind else {
                catalog.add_window(view, before, max_key_bytes)?;
                continue;
            };
            let Some(schema) = Schema::of(view)? else { continue };
            // What is known of the rows in the store stays known.
            let known = before.and_then(|before| before.views.get(name)).map(AsRef::as_ref);
            let key = EntityKey::new(&view.entity, max_key_bytes)?;
            catalog.views.insert(name.clone(), Arc::new(ServedView::new(view.clone(), row, key, schema, known)));
            for feature in &row.features {
                let views = catalog.bare.entry(feature.name.clone());
                views.and_modify(|view| *view = None).or_insert_with(|| Some(name.clone()));
            }
        }
        for (name, service) in &definitions.services {
            let fits =
                fits.iter().filter(|((service, _), _)| service == name).map(|((_, fit), file)| (fit.as_str(), file));
            catalog.services.insert(name.clone(), ServedService::new(service, fits));
        }
        catalog.definitions = definitions;
        Ok(catalog)
    }

    fn add_window(&mut self, view: &Arc<View>, before: Option<&Self>, max_key_bytes: usize) -> Result<(), String> {
        let plan = Arc::new(WindowPlan::new(view)?);
        let known = before.and_then(|before| before.windows.get(&view.name)).map(AsRef::as_ref);
        let source = plan.source().name.clone();
        let served = Arc::new(ServedWindow::new(plan, EntityKey::new(&view.entity, max_key_bytes)?, known));
        self.windows.insert(view.name.clone(), served.clone());
        self.of_source.entry(source).or_default().push(served);
        for (feature, _) in view.features() {
            let views = self.bare.entry(feature.into_owned());
            views.and_modify(|view| *view = None).or_insert_with(|| Some(view.name.clone()));
        }
        Ok(())
    }

    /// A defined view.
    pub(super) fn served(&self, name: &str) -> Option<Served> {
        let row = self.views.get(name).cloned().map(Served::Row);
        row.or_else(|| self.windows.get(name).cloned().map(Served::Window))
    }

    /// A defined window view.
    #[must_use]
    pub(in crate::lookup) fn window(&self, name: &str) -> Option<&Arc<ServedWindow>> {
        self.windows.get(name)
    }

    /// The window views.
    pub(in crate::lookup) fn windows(&self) -> impl Iterator<Item = &Arc<ServedWindow>> {
        self.windows.values()
    }

    /// The window views that read a source.
    #[must_use]
    pub(in crate::lookup) fn windows_of(&self, source: &str) -> &[Arc<ServedWindow>] {
        self.of_source.get(source).map_or(&[], Vec::as_slice)
    }

    /// The names of the sources that window views read.
    pub(in crate::lookup) fn source_names(&self) -> impl Iterator<Item = &str> {
        self.of_source.keys().map(String::as_str)
    }

    /// The fingerprints of a service that are loaded, and that of requests that bring none, or why they are refused.
    pub(super) fn fingerprints(&self, service: &str) -> (Vec<[u8; 32]>, Result<[u8; 32], String>) {
        match self.services.get(service) {
            Some(served) => (
                served.plans.iter().map(|plan| plan.fingerprint()).collect(),
                served.default.as_ref().map(|plan| plan.fingerprint()).map_err(String::clone),
            ),
            None => (Vec::new(), Err("there is no such service".to_owned())),
        }
    }

    /// What encodes the keys of an entity.
    pub(super) fn key(&self, entity: &str) -> Option<&EntityKey> {
        self.keys.get(entity)
    }

    /// What is defined.
    #[must_use]
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// A defined row view.
    #[must_use]
    pub(in crate::lookup) fn view(&self, name: &str) -> Option<&Arc<ServedView>> {
        self.views.get(name)
    }

    /// The row views.
    pub(super) fn views(&self) -> impl Iterator<Item = &Arc<ServedView>> {
        self.views.values()
    }

    /// The names of the row views.
    pub fn view_names(&self) -> impl Iterator<Item = &str> {
        self.views.keys().map(String::as_str)
    }

    /// Whether nothing is defined.
    #[must_use]
    pub(super) fn is_empty(&self) -> bool {
        self.views.is_empty() && self.windows.is_empty()
    }

    /// The view that has a feature of this name, if one alone has; an error if several have.
    pub(super) fn view_of(&self, feature: &str) -> Result<Option<Served>, Error> {
        match self.bare.get(feature) {
            None => Ok(None),
            Some(Some(view)) => Ok(self.served(view)),
            Some(None) => {
                let views = self.definitions.views.values();
                let having = views.filter(|view| view.feature(feature).is_some());
                let names: Vec<_> = having.map(|view| format!("\"{}.{feature}\"", view.name)).collect();
                let message = format!("{feature:?} is a feature of several views: write {}", names.join(" or "));
                Err(Error::invalid("feature_names", message))
            }
        }
    }

    /// The plan for a request: that of the fingerprint it brings, else the default of the service.
    pub(super) fn plan(&self, service: &str, fingerprint: Option<&[u8]>) -> Result<&Arc<Plan>, Error> {
        let Some(served) = self.services.get(service) else {
            let names: Vec<_> = self.definitions.services.keys().map(|name| format!("{name:?}")).collect();
            let there_is =
                if names.is_empty() { "none is defined".to_owned() } else { format!("there is {}", names.join(", ")) };
            return Err(Error::invalid("service", format!("there is no service {service:?}; {there_is}")));
        };
        let Some(fingerprint) = fingerprint else {
            return served.default.as_ref().map_err(|why| Error::new(Code::FailedPrecondition, why.clone()));
        };
        if fingerprint.len() != 32 {
            return Err(Error::invalid(
                "fingerprint",
                format!("has {} bytes, a fingerprint has 32", fingerprint.len()),
            ));
        }
        served.plans.iter().find(|plan| plan.fingerprint()[..] == *fingerprint).ok_or_else(|| {
            let loaded: Vec<_> = served.plans.iter().map(|plan| hex(&plan.fingerprint())).collect();
            let loaded = if loaded.is_empty() { "none is".to_owned() } else { loaded.join(", ") };
            let message = format!(
                "service {service:?}: the fingerprint {} is not loaded; loaded: {loaded}. Put the fitted file of the model beside the \
                 definitions, with the definitions it was fitted on, and reload",
                hex(fingerprint)
            );
            Error::new(Code::FailedPrecondition, message)
        })
    }
}

impl ServedService {
    fn new<'a>(service: &Arc<Service>, fits: impl Iterator<Item = (&'a str, &'a FittedFile)>) -> Self {
        let mut plans = Vec::new();
        let mut default = None;
        let wanted = service.default_fitted.as_deref().unwrap_or_default();
        let needs_fit =
            service.slots.iter().flat_map(|slot| &slot.steps).any(|step| step.step.fit(step.input).is_some());
        if !needs_fit || Layout::new(service).is_err() {
            default = Some(Plan::new(service.clone(), None).map(Arc::new).map_err(|error| error.to_string()));
        }
        for (name, fit) in fits {
            match Plan::new(service.clone(), Some(&fit.parameters())) {
                Ok(plan) => {
                    let plan = Arc::new(plan);
                    if name == wanted {
                        default.get_or_insert_with(|| Ok(plan.clone()));
                    }
                    plans.push(plan);
                }
                Err(error) => {
                    tracing::warn!(service = service.name, fit = name, %error, "fitted file is not served");
                }
            }
        }
        if let Some(Ok(plan)) = &default
            && plans.is_empty()
        {
            plans.push(plan.clone());
        }
        let default = default.unwrap_or_else(|| match Plan::new(service.clone(), None) {
            Err(error) if plans.is_empty() => Err(error.to_string()),
            Ok(_) | Err(_) => {
                let dot = if wanted.is_empty() { "" } else { "." };
                let file = format!("{}{dot}{wanted}{SUFFIX}", service.name);
                Err(format!(
                    "service {:?} has no {file:?}, its default: send a fingerprint, or name another default",
                    service.name
                ))
            }
        });
        Self { plans, default }
    }
}
