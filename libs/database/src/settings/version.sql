-- No inputs. Answers the version of the settings; no row when there are none.
select version from catalog.settings
