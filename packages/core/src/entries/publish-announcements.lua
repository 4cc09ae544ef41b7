-- Publishes the collected announcements. Runs once, after the last call of a script.
-- needs announce.lua

for _, sender in ipairs(senders) do publish(announcements[sender]) end
