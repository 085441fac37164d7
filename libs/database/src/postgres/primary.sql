-- No inputs. Answers incarnation, facts, and whether this call began the incarnation. Fails on a standby.
select incarnation::text as incarnation, facts, began from catalog.confirm_primary()
