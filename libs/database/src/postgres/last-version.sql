-- No inputs. Answers version: the last one drawn by any change.
select last_value as version from catalog.versions
